import { Ref } from './ref.ts'

/** A value that was refused, as an error message shows it. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  return value === null
    ? 'null'
    : Array.isArray(value)
      ? 'a list'
      : `${typeof value === 'object' ? 'an ' : ''}${typeof value}`
}

/** A number, or the label of the result that stands for it. */
export const printNumber = (value: unknown): string => (value instanceof Ref ? value.label : describeValue(value))
