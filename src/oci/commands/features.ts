import { featuresDocument } from '../../bundle/features-document.ts'
import { machineArch } from '../../linux/arch.ts'
import type { Context } from '../context.ts'
import { VERSION } from '../generated/version.ts'
import { print } from '../print.ts'

/** `features` */
export function run({ kernel }: Pick<Context, 'kernel'>): void {
  const features = featuresDocument({ arch: machineArch(), version: VERSION })
  print(kernel, `${JSON.stringify(features, null, 2)}\n`)
}
