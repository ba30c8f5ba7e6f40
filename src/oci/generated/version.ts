// Generated from package.json: do not edit, run "npm run generate"

/** Version of this package; an executable has no package.json beside it. */
export const VERSION = '0.1.0'
