/** Why Debian's runc 1.1.5 and crun 1.8.1 fail a test, by its title. */
export const DIFFERENCES: Readonly<Record<'runc' | 'crun', Readonly<Record<string, string>>>> = { runc: {}, crun: {} }
