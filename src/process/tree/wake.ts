/** The last real-time signal: the only one that an agent does not block, and that cannot be watched (agent/signals.c) */
export const WAKE = 64
