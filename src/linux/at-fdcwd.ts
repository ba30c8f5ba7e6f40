/** Descriptor that stands for the working directory, openat(2): a number where a call is made without its table. */
export const AT_FDCWD = -100
