import { InvalidInputError } from '../../base/errors.ts'
import type { Call } from '../../linux/call.ts'
import { isCallOptions } from '../../linux/call-options.ts'
import { allCalls } from '../../linux/calls/index.ts'
import { FOREIGN } from '../../linux/foreign.ts'
import { didYouMean } from '../../linux/nearest.ts'
import type { ProgramBuilder } from '../../program/builder.ts'
import type { Agent } from '../agent.ts'
import type { Sys } from './sys.ts'

/** A system call by name, with the arguments that `agent.sys` takes: `['setns', fd, ['CLONE_NEWNET']]`. */
export type CallOperation = { [Name in keyof Sys]: readonly [Name, ...Parameters<Sys[Name]>] }[keyof Sys]

/** Does what is no system call, or decides what comes next: when it gives `{ next: operations }`, these are carried out after it. */
export type FunctionOperation<State> = (child: Agent, state: State) => unknown

/** An operation with rules of its own. */
export interface RuledOperation<State> {
  readonly do: CallOperation | FunctionOperation<State>
  /** Whether its failure ends the task (default), or is its result */
  readonly errexit?: boolean
  /** The state before it; default: what the operation before it left */
  readonly state?: State
  /** The state after it, made of its result (with `errexit: false` possibly an error); default: unchanged */
  readonly transform?: (result: unknown, state: State) => State | Promise<State>
}

/** One thing to do in a fresh process, or a list of them. */
export type Operation<State = unknown> =
  CallOperation | FunctionOperation<State> | RuledOperation<State> | Operations<State>

/** Things to do one after the other. */
export interface Operations<State = unknown> extends ReadonlyArray<Operation<State>> {}

/** An operation of a list, or of a list within it. */
export interface PlacedOperation {
  /** `[2, 0]` is the first one of the list that is the third operation */
  readonly place: readonly number[]
  readonly rule: RuledOperation<unknown>
  /** The system call, when it can go out in one program with others */
  readonly plain: CallOperation | undefined
}

/**
 * The operations of a list and of the lists in it, in order.
 * @throws InvalidInputError naming the place of what is no operation
 */
export function parseOperations(value: unknown, where: string, place: readonly number[] = []): PlacedOperation[] {
  if (!Array.isArray(value)) throw noOperation(where, 'a list of operations')
  return value.flatMap((operation: unknown, index) =>
    parseOperation(operation, `${where}[${index}]`, [...place, index]),
  )
}

function parseOperation(value: unknown, where: string, place: readonly number[]): PlacedOperation[] {
  if (Array.isArray(value) && !isCall(value)) return parseOperations(value, where, place)
  const rule = isRule(value) ? parseRule(value, where) : { do: parseDeed(value, where) }
  return [{ place, rule, plain: plainCall(rule) }]
}

function parseRule(rule: Readonly<Record<string, unknown>>, where: string): RuledOperation<unknown> {
  const unknown = Object.keys(rule).find((key) => !RULE_KEYS.includes(key))
  if (unknown !== undefined) {
    const field = `${where}.${unknown}`
    throw new InvalidInputError(`${field} is no rule${didYouMean(unknown, RULE_KEYS)}`, { field })
  }
  return { ...rule, do: parseDeed(rule['do'], `${where}.do`) }
}

const RULE_KEYS = ['do', 'errexit', 'state', 'transform']

function parseDeed(value: unknown, where: string): RuledOperation<unknown>['do'] {
  if (typeof value === 'function') return value as FunctionOperation<unknown>
  if (!isCall(value)) throw noOperation(where, '[name, …], a function, { do: operation } or a list of these')
  const [name] = value
  if (name === 'syscall' || Object.hasOwn(allCalls(), name) || Object.hasOwn(FOREIGN, name)) return value
  const guess = didYouMean(name, Object.keys(allCalls()))
  throw new InvalidInputError(`${where} names no system call: ${JSON.stringify(name)}${guess}`, { field: where })
}

const noOperation = (where: string, wanted: string): InvalidInputError =>
  new InvalidInputError(`${where} is no operation: ${wanted} is wanted`, { field: where })

const isCall = (value: unknown): value is CallOperation => Array.isArray(value) && typeof value[0] === 'string'
const isRule = (value: unknown): value is Readonly<Record<string, unknown>> => isPlainObject(value) && 'do' in value

const isPlainObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** What a function gave to be carried out next, or undefined. */
export const nextOf = (result: unknown): { readonly next: unknown } | undefined =>
  isPlainObject(result) && Object.keys(result).join() === 'next' ? (result as { next: unknown }) : undefined

/** A place as an error shows it, `[2][0]`. */
export const printPlace = (place: readonly number[]): string => place.map((index) => `[${index}]`).join('')

type ByName = Readonly<Record<string, Call>>

function plainCall(rule: RuledOperation<unknown>): CallOperation | undefined {
  if (typeof rule.do === 'function' || isCallOptions(rule.do.at(-1))) return undefined
  if (rule.errexit === false || rule.transform || 'state' in rule) return undefined
  const [name] = rule.do
  if (name === 'syscall') return rule.do
  const call = (allCalls() as ByName)[name]
  // The end of the connection is the success of some: no program answers after them.
  return call && !call.ends ? rule.do : undefined
}

/** Adds a system call to a program. @throws InvalidInputError */
export function addCall(p: ProgramBuilder, [name, ...args]: CallOperation): void {
  if (name === 'syscall') p.syscall(...(args as Parameters<ProgramBuilder['syscall']>))
  else p.add((allCalls() as ByName)[name] as Call, args)
}
