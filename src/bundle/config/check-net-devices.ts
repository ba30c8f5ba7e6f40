import { checkText, fieldsOf, type Findings, objectOf, pointerPart, refuse } from './fields.ts'

/** IFNAMSIZ with its NUL, and dev_valid_name() of the kernel. */
const INTERFACE = /^(?!\.{1,2}$)[^\s/:%]{1,15}$/
/** With "%d" at the end the kernel chooses the number (config-linux.md#network-devices). */
const TEMPLATE = /^[^\s/:%]{1,13}%d$/
const RULE = 'must be the name of a network interface: 1 to 15 characters, none of them "/", ":", "%" or a space'

/** `linux.netDevices`, config-linux.md#network-devices. @throws InvalidInputError */
export function checkNetDevices(value: unknown, at: string, hasNetwork: boolean, findings: Findings): void {
  if (value === undefined) return
  const devices = Object.entries(objectOf(value, at))
  const seen = new Set<string>()
  for (const [key, each] of devices) {
    const where = `${at}/${pointerPart(key)}`
    if (!INTERFACE.test(key)) refuse(where, RULE)
    const { name } = fieldsOf(each, where, ['name'], findings)
    checkText(name, `${where}/name`)
    if (name !== undefined && TEMPLATE.test(name)) continue
    if (name !== undefined && !INTERFACE.test(name)) refuse(`${where}/name`, `${RULE}, or end in "%d"`)
    const inside = name ?? key
    if (seen.has(inside))
      refuse(`${where}/name`, `is "${inside}", as another is: names are unique in a network namespace`)
    seen.add(inside)
  }
  if (devices.length > 0 && !hasNetwork)
    refuse(at, 'needs a network namespace: add {"type": "network"} to /linux/namespaces')
}
