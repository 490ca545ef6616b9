/** For iat and nbf: the issuer's clock may be this far ahead of ours. exp gets none: a dead token stays dead. */
export const CLOCK_TOLERANCE_SECONDS = 60

/** The clock of whoever hands none in. */
export const epochSeconds = (): number => Math.floor(Date.now() / 1000)
