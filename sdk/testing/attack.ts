import type { RefusalCode } from '../refused.ts'
import type { TestIssuer } from './issuer.ts'

/** Which of the kit's verifiers a token is offered to. */
export type OfferedTo = 'entitlement' | 'receipt' | 'statement' | 'event'

/** A token that must be refused, with the one code that says why. */
export interface Attack {
  /** Unique, kebab-case. */
  readonly name: string
  readonly group: string
  /** What is wrong, in one line. */
  readonly what: string
  readonly code: RefusalCode
  /** The code of the refusal's `cause`, where the token is refused for what stands behind it. */
  readonly because?: RefusalCode
  /** Makes the token, and sets up what the issuer publishes for it. May be called again, at any time. */
  readonly make: (issuer: TestIssuer) => string
  /** The verifier that must refuse it; `entitlement` where nothing is said. */
  readonly offeredTo: OfferedTo
  /** Only a verifier that reads status lists (`checkStatus`) can tell. */
  readonly needsStatus: boolean
  /** The first verification passes; `code` is for the next one, this many seconds later. */
  readonly acceptedBeforeSeconds?: number
}

/** A token that must be accepted, although it looks unusual. */
export interface ValidToken {
  readonly name: string
  readonly what: string
  readonly make: (issuer: TestIssuer) => string
}

type Row = Pick<Attack, 'name' | 'what' | 'code' | 'make'> & Partial<Attack>

/** Rows of one group, offered to the entitlement verifier unless they say otherwise. */
export const group = (name: string, rows: readonly Row[]): readonly Attack[] =>
  rows.map(row => ({ group: name, offeredTo: 'entitlement', needsStatus: false, ...row }))
