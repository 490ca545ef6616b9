import type { RefusalCode } from '../refused.ts'
import type { TestIssuer } from './issuer.ts'
import type { Members } from './kinds.ts'
import { base64url } from './signing.ts'

/** A status list that no verifier may believe, behind a token that is good in itself. */
export interface ListRow {
  readonly name: string
  readonly what: string
  readonly code: RefusalCode
  readonly because?: RefusalCode
  /** What the list's address answers; `uri` is that address. */
  readonly list: (issuer: TestIssuer, uri: string) => string | Response
}

/** The genuine list of the row's address, with claims and header changed. */
export const changed =
  (claims: (issuer: TestIssuer) => Members, header: Members = {}): ListRow['list'] =>
  (issuer, uri) =>
    issuer.sign('status-list', { sub: uri, ...claims(issuer) }, header)

/** The genuine list with other bits in it. */
export const content = (lst: unknown, bits: unknown = 2): ListRow['list'] =>
  changed(() => ({ status_list: { bits, lst: lst instanceof Uint8Array ? base64url(lst) : lst } }))
