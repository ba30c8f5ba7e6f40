import type { HostSource, SourceEntry } from './source.ts'

/** What a probe asks about a path. */
export type QuestionKind = 'text' | 'names' | 'entry' | 'mode' | 'write' | 'attribute'

/** One thing that a probe wants to know. */
export interface Question {
  readonly kind: QuestionKind
  readonly path: string
  /** Of an attribute */
  readonly name?: string
}

/** What the answer of each kind is; undefined for what is not there. */
export interface AnswerTypes {
  readonly text: string | undefined
  readonly names: readonly string[] | undefined
  readonly entry: SourceEntry | undefined
  readonly mode: number | undefined
  readonly write: string
  readonly attribute: string | undefined
}

export type AnyAnswer = AnswerTypes[QuestionKind]

/** Answers a probe from what is known, and notes what is not. */
export class QuestionRecorder {
  readonly #known = new Map<string, AnyAnswer>()
  readonly #missed = new Map<string, Question>()
  readonly source: HostSource

  /** `owner` is asked of the source as often as that is used: what it needs may have to be fetched first. */
  constructor(variable: (name: string) => string | undefined, owner: (source: HostSource) => number | undefined) {
    this.source = {
      architecture: process.arch,
      get owner() {
        return owner(this)
      },
      text: (path) => this.#ask('text', path),
      names: (path) => this.#ask('names', path),
      entry: (path) => this.#ask('entry', path),
      mode: (path) => this.#ask('mode', path),
      write: (path) => this.#ask('write', path) ?? 'ENOENT',
      attribute: (path, name) => this.#ask('attribute', path, name),
      variable,
    }
  }

  #ask<K extends QuestionKind>(kind: K, path: string, name?: string): AnswerTypes[K] | undefined {
    const question = { kind, path, ...(name === undefined ? {} : { name }) }
    const key = keyOf(question)
    if (!this.#known.has(key)) this.#missed.set(key, question)
    return this.#known.get(key) as AnswerTypes[K] | undefined
  }

  /** What was asked in vain since the last call. */
  takeMissed(): Question[] {
    const missed = [...this.#missed.values()]
    this.#missed.clear()
    return missed
  }

  learn(answers: Iterable<readonly [Question, AnyAnswer]>): void {
    for (const [question, answer] of answers) this.#known.set(keyOf(question), answer)
  }
}

const keyOf = ({ kind, path, name = '' }: Question): string => `${kind}\0${path}\0${name}`
