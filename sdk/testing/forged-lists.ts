import { type Attack, group } from './attack.ts'
import { LIST_ENCODINGS } from './forged-list-encodings.ts'
import type { TestIssuer } from './issuer.ts'
import { signChanged } from './kinds.ts'
import { changed, type ListRow } from './list-row.ts'
import { base64url } from './signing.ts'
import { compressed, LIST_LIFETIME_SECONDS, LIST_TTL_SECONDS, packStatuses } from './status-lists.ts'

const MEDIA_TYPE = { 'content-type': 'application/statuslist+jwt' }
const INDEX = 1

const answers =
  (make: (uri: string) => Response): ListRow['list'] =>
  (_, uri) =>
    make(uri)

const UNREACHABLE: readonly ListRow[] = [
  {
    name: 'list-unreachable',
    what: 'the list’s address answers 503',
    code: 'status-list-unavailable',
    list: answers(() => new Response('', { status: 503 })),
  },
  {
    name: 'list-not-found',
    what: 'the list’s address answers 404',
    code: 'status-list-unavailable',
    list: answers(() => new Response('', { status: 404 })),
  },
  {
    name: 'list-redirected',
    what: 'the list’s address redirects to another host',
    code: 'status-list-redirected',
    list: answers(() => new Response('', { status: 302, headers: { location: 'https://attacker.example/1' } })),
  },
  {
    name: 'list-of-html',
    what: 'an answer of text/html with status 200',
    code: 'status-list-media-type',
    list: answers(() => new Response('<title>Sign in</title>', { headers: { 'content-type': 'text/html' } })),
  },
  {
    name: 'list-of-16-mb',
    what: 'an answer of 16 MB',
    code: 'status-list-too-large',
    list: answers(() => new Response('A'.repeat(2 ** 24), { headers: MEDIA_TYPE })),
  },
]

/** Every other token that the issuer signs, served where the list should be. */
const OTHER_KINDS: readonly ListRow[] = (['entitlement', 'receipt', 'statement', 'event', 'access'] as const).map(
  kind => ({
    name: `list-is-${kind}`,
    what: `a genuine token of the kind "${kind}" where the list should be`,
    code: 'status-list-invalid',
    because: 'typ-wrong',
    list: issuer => issuer.sign(kind),
  }),
)

const FORGED: readonly ListRow[] = [
  {
    name: 'list-unsigned',
    what: 'alg none',
    code: 'status-list-invalid',
    because: 'alg-refused',
    list: (issuer, uri) => {
      const [, payload] = issuer.sign('status-list', { sub: uri }).split('.')
      return `${base64url('{"alg":"none","typ":"statuslist+jwt"}')}.${payload}.`
    },
  },
  {
    name: 'list-by-entitlement-key',
    what: 'signed with the issuer’s entitlement key',
    code: 'status-list-invalid',
    because: 'key-purpose-mismatch',
    list: (issuer, uri) => {
      const key = issuer.keys.entitlement
      const genuine = { ...issuer.genuine('status-list'), key }
      return signChanged(genuine, { sub: uri }, { kid: key.kid })
    },
  },
  {
    name: 'list-changed',
    what: 'one claim changed after signing',
    code: 'status-list-invalid',
    because: 'signature-invalid',
    list: (issuer, uri) => {
      const [header, , signature] = issuer.sign('status-list', { sub: uri, ttl: 1 }).split('.')
      const [, payload] = issuer.sign('status-list', { sub: uri, ttl: 2 }).split('.')
      return `${header}.${payload}.${signature}`
    },
  },
  ...OTHER_KINDS,
  {
    name: 'list-typ',
    what: 'typ JWT',
    code: 'status-list-invalid',
    because: 'typ-wrong',
    list: changed(() => ({}), { typ: 'JWT' }),
  },
  {
    name: 'list-iss',
    what: 'iss of another issuer',
    code: 'status-list-invalid',
    because: 'issuer-mismatch',
    list: changed(() => ({ iss: 'https://attacker.example' })),
  },
  {
    name: 'list-sub',
    what: 'the genuine list of another address',
    code: 'status-list-mismatch',
    list: changed(issuer => ({ sub: issuer.listUri(2 ** 20) })),
  },
  { name: 'list-no-sub', what: 'no sub', code: 'status-list-mismatch', list: changed(() => ({ sub: undefined })) },
  {
    name: 'list-no-iat',
    what: 'no iat',
    code: 'status-list-invalid',
    because: 'claim-iat-invalid',
    list: changed(() => ({ iat: undefined })),
  },
  {
    name: 'list-iat-future',
    what: 'iat an hour ahead',
    code: 'status-list-invalid',
    because: 'issued-in-future',
    list: changed(({ now }) => ({ iat: now() + 3600, exp: now() + 7200 })),
  },
  {
    name: 'list-expired',
    what: 'exp is now',
    code: 'status-list-expired',
    list: changed(({ now }) => ({ iat: now() - LIST_LIFETIME_SECONDS, exp: now() })),
  },
  {
    name: 'list-exp-string',
    what: 'exp "never"',
    code: 'status-list-invalid',
    because: 'claim-exp-invalid',
    list: changed(() => ({ exp: 'never' })),
  },
  { name: 'list-ttl-string', what: 'ttl "60"', code: 'status-list-invalid', list: changed(() => ({ ttl: '60' })) },
  { name: 'list-ttl-negative', what: 'ttl -1', code: 'status-list-invalid', list: changed(() => ({ ttl: -1 })) },
]

/** A status that the gateway never gives. */
const RESERVED: readonly ListRow[] = [
  {
    name: 'status-reserved',
    what: 'the bit says 3, which means nothing here',
    code: 'status-unknown',
    list: changed(() => ({ status_list: { bits: 2, lst: compressed(packStatuses({ statuses: { [INDEX]: 3 } })) } })),
  },
  {
    name: 'list-short',
    what: 'a list of one byte, in which the token has no entry',
    code: 'status-index-out-of-range',
    list: changed(() => ({ status_list: { bits: 8, lst: compressed(new Uint8Array(1)) } })),
  },
]

/** The address answers with a new list once, and with an old one from then on. */
function replayed(issuer: TestIssuer, uri: string): () => string {
  let asked = 0
  return () => {
    asked += 1
    const iat = issuer.now() - (asked === 1 ? 0 : LIST_TTL_SECONDS * 5)
    return issuer.sign('status-list', { sub: uri, iat, ttl: 1, exp: iat + LIST_LIFETIME_SECONDS })
  }
}

/** Lists of this corpus have numbers of their own, so that all its tokens can be offered at one time. */
const FIRST_LIST = 1001

const listed = [...UNREACHABLE, ...FORGED, ...LIST_ENCODINGS, ...RESERVED].map(({ list, ...row }, position) => ({
  ...row,
  needsStatus: true,
  make: (issuer: TestIssuer) => {
    const uri = issuer.listUri(FIRST_LIST + position)
    issuer.publish(uri, () => list(issuer, uri))
    return issuer.mint({ status: { status_list: { idx: INDEX, uri } } })
  },
}))

export const LISTS: readonly Attack[] = group('status lists', [
  ...listed,
  {
    name: 'list-replayed',
    what: 'an older list in place of the one seen before',
    code: 'status-list-replayed',
    needsStatus: true,
    acceptedBeforeSeconds: LIST_TTL_SECONDS + 1,
    make: issuer => {
      const uri = issuer.listUri(FIRST_LIST - 1)
      issuer.publish(uri, replayed(issuer, uri))
      return issuer.mint({ status: { status_list: { idx: INDEX, uri } } })
    },
  },
])
