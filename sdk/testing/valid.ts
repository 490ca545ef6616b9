import { deflateSync } from 'node:zlib'
import type { ValidToken } from './attack.ts'
import { inFront } from './forgery.ts'
import { entitlement, type TestIssuer } from './issuer.ts'
import type { Members } from './kinds.ts'
import { base64url, signBytes } from './signing.ts'
import { compressed, LIST_ENTRIES } from './status-lists.ts'

const MAX_TOKEN_BYTES = 8192

const one = ({ benefit, now }: TestIssuer, change: Members = {}): Members =>
  entitlement(benefit, now() + 30 * 86_400, change)

/** Signs the genuine claims in another spelling. */
const spelled =
  (change: (json: string) => string, changeHeader = (json: string) => json): ValidToken['make'] =>
  issuer => {
    const { header, claims, key } = issuer.genuine('entitlement')
    return signBytes(changeHeader(JSON.stringify(header)), change(JSON.stringify(claims)), key.privateKey)
  }

const listed = (index: number): ValidToken['make'] => {
  return issuer => issuer.mint({ status: { status_list: { idx: index, uri: issuer.listUri() } } })
}

/** A token of a list of its own, which the issuer publishes with these claims. */
const FIRST_LIST = 901
const ownList =
  (offset: number, claims: () => Members): ValidToken['make'] =>
  issuer => {
    const uri = issuer.listUri(FIRST_LIST + offset)
    issuer.publish(uri, () => issuer.sign('status-list', { sub: uri, ...claims() }))
    return issuer.mint({ status: { status_list: { idx: 1, uri } } })
  }

/** Filled up to the last byte that the kit reads: base64url has no length of 4n + 1, so that may be one less. */
function largest(issuer: TestIssuer): string {
  const bare = issuer.mint({ fill: '' }).length
  const fill = (bytes: number) => issuer.mint({ fill: 'x'.repeat(bytes) })
  const most = Math.ceil(((MAX_TOKEN_BYTES - bare) / 4) * 3)
  const sized = [most, most - 1, most - 2, most - 3].map(fill)
  return sized.find(token => token.length <= MAX_TOKEN_BYTES) ?? issuer.mint()
}

/** Tokens that must be accepted: what the gateway mints, and what a later one may. */
export const validTokens: readonly ValidToken[] = [
  { name: 'valid', what: 'as the gateway mints it', make: issuer => issuer.mint() },
  {
    name: 'valid-ending',
    what: 'an entitlement that will not be renewed',
    make: issuer => issuer.mint({ ent: [one(issuer, { st: 'ending' })] }),
  },
  {
    name: 'valid-several',
    what: 'ten entitlements',
    make: issuer => {
      const ids = Array.from({ length: 10 }, (_, at) => ({
        id: `ent_${at}`,
        bid: at === 0 ? issuer.benefit : `b-${at}`,
      }))
      return issuer.mint({ ent: ids.map(named => one(issuer, named)) })
    },
  },
  {
    name: 'valid-one-ended',
    what: 'one entitlement live and one over',
    make: issuer => {
      const over = one(issuer, { id: 'ent_over', bid: 'something-over', vu: issuer.now() - 1 })
      return issuer.mint({ ent: [over, one(issuer)] })
    },
  },
  {
    name: 'valid-limits',
    what: 'limits of every type',
    make: issuer => issuer.mint({ ent: [one(issuer, { lim: { streams: 4, quality: '4K', offline: true, none: 0 } })] }),
  },
  {
    name: 'valid-no-limits',
    what: 'no limits at all',
    make: issuer => issuer.mint({ ent: [one(issuer, { lim: undefined })] }),
  },
  {
    name: 'valid-rem-0',
    what: 'a quota used up: entitled, with nothing left',
    make: issuer => issuer.mint({ ent: [one(issuer, { rem: 0 })] }),
  },
  {
    name: 'valid-unknown-claims',
    what: 'claims and members nobody knows yet',
    make: issuer => issuer.mint({ later: { of: ['use', null, 1.5, false] }, ent: [one(issuer, { later: true })] }),
  },
  { name: 'valid-seq-0', what: 'seq 0', make: issuer => issuer.mint({ seq: 0 }) },
  {
    name: 'valid-issuer-ahead',
    what: 'the issuer’s clock 30 s ahead',
    make: ({ mint, now }) => mint({ iat: now() + 30, nbf: now() + 30, exp: now() + 930 }),
  },
  {
    name: 'valid-last-minute',
    what: 'a minute to live',
    make: ({ mint, now }) => mint({ iat: now() - 840, nbf: now() - 840, exp: now() + 60 }),
  },
  {
    name: 'valid-longest-life',
    what: 'a life of 3,600 s',
    make: ({ mint, now }) => mint({ exp: now() + 3600 }),
  },
  { name: 'valid-largest', what: 'as many bytes as the kit reads', make: largest },
  {
    name: 'valid-unicode',
    what: 'Chinese, an emoji and an escape in claims',
    make: issuer => issuer.mint({ note: '优酷 VIP 🎬 "\\\u0001', ent: [one(issuer, { lim: { 画质: '超清' } })] }),
  },
  {
    name: 'valid-escapes',
    what: 'the name of iss written with an escape',
    make: spelled(j => j.replace('"iss"', '"\\u0069ss"')),
  },
  {
    name: 'valid-white-space',
    what: 'JSON with line breaks',
    make: spelled(json => JSON.stringify(JSON.parse(json), null, 2)),
  },
  {
    name: 'valid-header-order',
    what: 'header members in another order',
    make: spelled(
      json => json,
      json => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(json)).reverse())),
    ),
  },
  { name: 'valid-eight-levels', what: 'eight levels of nesting', make: spelled(inFront('"note":[[[[[[[0]]]]]]]')) },
  { name: 'valid-proto', what: 'an unknown claim named __proto__', make: spelled(inFront('"__proto__":{"aud":"x"}')) },
  { name: 'valid-index-0', what: 'the first index of its list', make: listed(0) },
  { name: 'valid-index-last', what: 'the last index of its list', make: listed(LIST_ENTRIES - 1) },
  {
    name: 'valid-resumed',
    what: 'suspended once, and resumed',
    make: issuer => {
      issuer.setStatus({ index: 11 }, 'suspended')
      issuer.setStatus({ index: 11 }, 'valid')
      return listed(11)(issuer)
    },
  },
  { name: 'valid-second-list', what: 'a list with another number', make: ownList(0, () => ({})) },
  { name: 'valid-list-no-ttl', what: 'a list that states no ttl', make: ownList(1, () => ({ ttl: undefined })) },
  {
    name: 'valid-list-unknown-claims',
    what: 'a list with a claim nobody knows',
    make: ownList(2, () => ({ later: 1 })),
  },
  {
    name: 'valid-list-of-bytes',
    what: 'a list of 8 bits an entry, other entries revoked',
    make: ownList(3, () => ({ status_list: { bits: 8, lst: compressed(Uint8Array.of(1, 0, 1, 2)) } })),
  },
  {
    name: 'valid-list-uncompressed',
    what: 'a list in a ZLIB stream that does not compress',
    make: ownList(4, () => ({
      status_list: { bits: 2, lst: base64url(deflateSync(new Uint8Array(64), { level: 0 })) },
    })),
  },
]
