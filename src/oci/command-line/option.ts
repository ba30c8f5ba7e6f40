/**
 * What an option takes: nothing (`flag`), text, text several times (`list`), a whole number that is not negative, or one of `choices`.
 */
export type OptionKind = 'flag' | 'text' | 'list' | 'number' | 'choice'

/** An option of the command line: the parser, the help, the man pages and the completions read it. */
export interface OptionDefinition {
  /** Without the dashes: `pid-file` */
  readonly name: string
  readonly kind: OptionKind
  /** One letter */
  readonly short?: string
  /** Name of its value in the help: `FILE`; absent for flags */
  readonly value?: string
  /** What it does, a phrase */
  readonly help: string
  readonly choices?: readonly string[]
  /** What the option means when no value follows; its value then comes by `=`, or as a next word that is one of `choices` */
  readonly bare?: string
  /** Accepted because engines or scripts written for other runtimes pass it; not in the help */
  readonly hidden?: true
}

/** A word of the command line that is no option. */
export interface OperandDefinition {
  /** In lower case; the help writes it in capitals */
  readonly name: string
  readonly help: string
  readonly optional?: true
  /** Takes all words that are left, options among them */
  readonly rest?: true
}

/** A command: `carrel-oci NAME [OPTION…] OPERAND…`. */
export interface CommandDefinition {
  readonly name: string
  /** A phrase, for lists of commands */
  readonly summary: string
  /** Paragraphs, for its own help and page */
  readonly description: readonly string[]
  readonly operands: readonly OperandDefinition[]
  readonly options: readonly OptionDefinition[]
}

type Camel<S extends string> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : S

type OptionValue<O extends OptionDefinition> = O['kind'] extends 'flag'
  ? boolean
  : O['kind'] extends 'list'
    ? readonly string[]
    : O['kind'] extends 'number'
      ? number
      : O extends { readonly choices: readonly (infer C)[] }
        ? C
        : string

/** Values of options by their names in camel case; those that were not given are absent. */
export type OptionValues<Options extends readonly OptionDefinition[]> = {
  readonly [O in Options[number] as Camel<O['name']>]?: OptionValue<O>
}

type OperandValue<O extends OperandDefinition> = O extends { readonly rest: true }
  ? readonly string[]
  : O extends { readonly optional: true }
    ? string | undefined
    : string

/** Operands by name: text, undefined for an optional one that was not given, a list for one that takes what is left. */
export type OperandValues<Operands extends readonly OperandDefinition[]> = {
  readonly [O in Operands[number] as O['name']]: OperandValue<O>
}

/** `pid-file` as `pidFile` */
export const camelCase = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
