/**
 * The agent's binary as base64, where it is part of the program: tools/build-standalone.mjs puts it here. Undefined elsewhere, where
 * it is a file (binaries.ts).
 */
export const embeddedAgent = (): string | undefined => undefined
