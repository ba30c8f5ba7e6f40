/** Oldest and newest version of the OCI runtime specification whose documents are understood. */
export const OCI_VERSIONS = { oldest: '1.0.0', newest: '1.3.0', newestMinor: 3 } as const
