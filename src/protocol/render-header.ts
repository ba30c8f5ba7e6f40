import { protocolHash } from './hash.ts'
import {
  FAULTS,
  FIELD_TYPES,
  FILTER_BITS,
  FRAMES,
  GENERATION,
  LIMITS,
  SPECIALS,
  STRUCTS,
  VALUES,
  WIDTHS,
} from './wire.ts'

type Fields = readonly (readonly [name: string, type: keyof typeof FIELD_TYPES, count?: number])[]

const CONSTANTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  LIMIT: LIMITS,
  FRAME: FRAMES,
  VALUE: VALUES,
  WIDTH: WIDTHS,
  SPECIAL: SPECIALS,
  FILTER: FILTER_BITS,
  FAULT: FAULTS,
}

function renderConstants(prefix: string, table: Readonly<Record<string, number>>): string {
  return Object.entries(table)
    .map(([name, value]) => `#define ${prefix}_${name} ${value > 0xffff ? `0x${value.toString(16)}` : value}U\n`)
    .join('')
}

function renderStruct(name: string, fields: Fields): string {
  let offset = 0
  const members: string[] = []
  const asserts: string[] = []
  for (const [field, type, count] of fields) {
    const { size, c } = FIELD_TYPES[type]
    members.push(`  ${c} ${field}${count === undefined ? '' : `[${count}]`};\n`)
    asserts.push(`_Static_assert(offsetof(struct wire_${name}, ${field}) == ${offset}, "wire_${name}.${field}");\n`)
    offset += size * (count ?? 1)
  }
  asserts.push(`_Static_assert(sizeof(struct wire_${name}) == ${offset}, "wire_${name}");\n`)
  return `struct wire_${name} {\n${members.join('')}};\n${asserts.join('')}`
}

/** The C header of the wire format: constants, structs named `wire_*`, and an assertion for every offset and size. */
export function renderHeader(): string {
  const constants = Object.entries(CONSTANTS).map(([prefix, table]) => renderConstants(prefix, table))
  const structs = Object.entries<Fields>(STRUCTS).map(([name, fields]) => renderStruct(name, fields))
  return `/* Generated from src/protocol/wire.ts by tools/generate.ts. Do not edit. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little-endian");
_Static_assert(sizeof(void *) == 8, "arguments are 64 bits wide");

#define PROTOCOL_GENERATION ${GENERATION}U
#define PROTOCOL_HASH 0x${protocolHash().toString(16).padStart(16, '0')}ULL

${constants.join('\n')}
${structs.join('\n')}
#endif
`
}

/** The generated files of this folder, in the shape that tools/generators.ts lists. */
export const generated = (): readonly { readonly path: string; readonly render: () => string }[] => [
  { path: 'agent/generated/protocol.h', render: renderHeader },
]
