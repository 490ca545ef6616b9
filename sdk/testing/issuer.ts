import { randomUUID } from 'node:crypto'
import type { Fetch } from '../bounded-fetch.ts'
import { epochSeconds } from '../clock.ts'
import { issuerBase } from '../issuer-url.ts'
import { createDocuments, jsonDocument } from './documents.ts'
import { generatedKeys, KEY_PURPOSES, publishedKeys, type TestJwk, type TestKeys } from './keys.ts'
import { type Genuine, type Members, otherClaims, signChanged, TOKEN_KINDS, type TokenKind } from './kinds.ts'
import { type Listening, listenOnLoopback } from './loopback.ts'
import { listClaims, type Statuses, TOKEN_STATUS, type TokenStatus } from './status-lists.ts'

export interface TestIssuerOptions {
  /** `iss` of every token. Default `http://localhost:8790`, or the address once `listen` has been called. */
  readonly issuer?: string | undefined
  /** The partner: `aud` of every token. Default `youku`. */
  readonly audience?: string | undefined
  /** Epoch seconds; default the machine's clock. Give the verifier the same. */
  readonly now?: (() => number) | undefined
  /** Life of a token in seconds, default 900. */
  readonly ttlSeconds?: number | undefined
  /** The benefit that tokens entitle to; default `<audience>-vip`. */
  readonly benefit?: string | undefined
  /** `published` keys are the same in every process and secret nowhere, so they are for a loopback issuer only. */
  readonly keys?: 'generated' | 'published' | undefined
}

/** Where a token's bit stands. */
export interface StatusPlace {
  readonly index: number
  readonly list?: number | undefined
}

/** A gateway in miniature, for tests: it signs what the gateway signs, and what no gateway would. */
export interface TestIssuer {
  readonly issuer: string
  readonly audience: string
  readonly benefit: string
  readonly keys: TestKeys
  readonly now: () => number
  /** Answers for the issuer without a network: hand it to `createVerifier`. Whatever is not published is a 404. */
  readonly fetch: Fetch
  jwks(): { readonly keys: readonly TestJwk[] }
  /** An entitlement token as the gateway mints it, with members of claims and header changed as told. */
  mint(claims?: Members, header?: Members): string
  /** A genuine token of any kind that the gateway signs, changed as told. */
  sign(kind: TokenKind, claims?: Members, header?: Members): string
  /** The parts of a genuine token, to forge from. */
  genuine(kind: TokenKind): Genuine
  /** Address of a status list, by default the audience's first. */
  listUri(list?: number, partner?: string): string
  /** Sets a token's bit; the list is published from then on. List 1 always is, with every bit at `valid`. */
  setStatus(place: StatusPlace, status: TokenStatus): void
  /** The published document at this address is from now on what `answer` says: a body, or a whole response. */
  publish(url: string, answer: () => string | Response): void
  /** Serves all of it on this machine. Without a port a free one is taken. */
  listen(port?: number): Promise<Listening>
}

const DEFAULT_ISSUER = 'http://localhost:8790'
const DEFAULT_STATUS_INDEX = 104_729

/**
 * An issuer for tests.
 * @throws TypeError when the issuer is no acceptable URL, or is asked to use published keys where others could reach it
 */
export function createTestIssuer(options: TestIssuerOptions = {}): TestIssuer {
  const { audience = 'youku', now = epochSeconds, ttlSeconds = 900, benefit = `${audience}-vip` } = options
  let issuer = options.issuer ?? DEFAULT_ISSUER
  const keys = keysFor(issuer, options.keys)
  const { publish, answer } = createDocuments(() => issuerBase(issuer))
  const statuses = new Map<number, Statuses>()

  const at = (path: string) => `${issuerBase(issuer)}${path}`
  const listUri = (list = 1, partner = audience) => at(`/status-lists/${partner}/${list}`)
  const jwks = () => ({ keys: KEY_PURPOSES.map(purpose => keys[purpose].jwk) })
  const moment = () => ({ issuer, audience, now: now() })

  function claimsOf(kind: TokenKind, list = 1): Members {
    if (kind === 'status-list') {
      return listClaims({ ...moment(), uri: listUri(list) }, { statuses: statuses.get(list) ?? {} })
    }
    if (kind !== 'entitlement') return otherClaims[kind](moment())
    const status = { status_list: { idx: DEFAULT_STATUS_INDEX, uri: listUri() } }
    return { ...entitlementClaims({ ...moment(), ttlSeconds, benefit }), status }
  }

  function genuine(kind: TokenKind): Genuine {
    const { typ, purpose } = TOKEN_KINDS[kind]
    const key = keys[purpose]
    return { header: { alg: 'ES256', typ, kid: key.kid }, claims: claimsOf(kind), key }
  }

  const sign = (kind: TokenKind, claims?: Members, header?: Members) => signChanged(genuine(kind), claims, header)

  function setStatus({ index, list = 1 }: StatusPlace, status: TokenStatus): void {
    statuses.set(list, { ...statuses.get(list), [index]: TOKEN_STATUS[status] })
    publish(listUri(list), () => sign('status-list', claimsOf('status-list', list)))
  }

  publish(at('/.well-known/jwks.json'), () => jsonDocument(jwks(), { 'cache-control': 'public, max-age=300' }))
  setStatus({ index: DEFAULT_STATUS_INDEX }, 'valid')

  return {
    get issuer() {
      return issuer
    },
    audience,
    benefit,
    keys,
    now,
    fetch: async url => answer(url),
    jwks,
    mint: (claims, header) => sign('entitlement', claims, header),
    sign,
    genuine,
    listUri,
    setStatus,
    publish,
    async listen(port = 0) {
      const listening = await listenOnLoopback(path => answer(`${new URL(issuer).origin}${path}`), port)
      if (options.issuer === undefined) issuer = listening.url
      return listening
    },
  }
}

function keysFor(issuer: string, kind: TestIssuerOptions['keys']): TestKeys {
  const base = issuerBase(issuer)
  if (kind !== 'published') return generatedKeys()
  // issuerBase takes http for loopback hosts only.
  if (!base.startsWith('http:')) {
    throw new TypeError('Published test keys sign for an http issuer on a loopback host only: anybody has them')
  }
  return publishedKeys()
}

interface Entitled {
  readonly issuer: string
  readonly audience: string
  readonly now: number
  readonly ttlSeconds: number
  readonly benefit: string
}

function entitlementClaims({ issuer: iss, audience: aud, now, ttlSeconds, benefit }: Entitled): Members {
  return {
    iss,
    sub: 'sub_01J00000000000000000000001',
    aud,
    iat: now,
    nbf: now,
    exp: now + ttlSeconds,
    jti: randomUUID(),
    ver: '1',
    lnk: 'lnk_01J00000000000000000000000',
    seq: 42,
    ent: [entitlement(benefit, now + 30 * 86_400)],
  }
}

/** One live entitlement, changed as told. */
export const entitlement = (benefit: string, validUntil: number, change: Members = {}): Members => ({
  id: 'ent_01J00000000000000000000001',
  bid: benefit,
  st: 'active',
  vu: validUntil,
  lim: { streams: 2 },
  ...change,
})
