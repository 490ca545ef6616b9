import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import * as z from 'zod'
import type { Partner } from '../../schemas/partner.ts'
import { epochMilliseconds, type Now } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { requirePinned } from '../partners/pin-metadata.ts'

type Needs = {
  table: Table
  now: Now
  wallNow: Now
  log: Log
  /** A guarded one: partners supply the addresses. */
  fetch: typeof fetch
}
type Keys = ReturnType<typeof createLocalJWKSet>
/** The keys as they were asked for, and when, in epoch milliseconds. Another version may name another issuer. */
type Held = { version: number; keys: Promise<Keys>; at: number; failedAt?: number }
type Issuer = Pick<Partner, 'id' | 'version' | 'issuer'>
export type PartnerKeys = (partner: Issuer) => JWTVerifyGetKey

const holdMilliseconds = 10 * 60 * 1000
/** Made-up key ids must not turn the gateway into a flood at a partner's door. */
const unknownKeyMilliseconds = 30_000
/** Nor may anybody have a partner that is down asked without pause, each time for seconds. */
const failureMilliseconds = 10_000
const mostKeys = 100

const Metadata = z.looseObject({ issuer: z.string(), jwks_uri: z.url().max(500) })
const JwkSet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).max(mostKeys) })

/** The public keys of partners' OpenID issuers, held for ten minutes. Make one for each process and keep it. */
export function partnerKeys(needs: Needs): PartnerKeys {
  const held = new Map<string, Held>()
  const time = () => epochMilliseconds(needs.wallNow())

  function ask(partner: Issuer): Promise<Keys> {
    const fresh: Held = { version: partner.version, keys: load(needs, partner), at: time() }
    fresh.keys.catch(() => {
      fresh.failedAt = time()
    })
    held.set(partner.id, fresh)
    return fresh.keys
  }

  function current(partner: Issuer): Promise<Keys> {
    const known = held.get(partner.id)
    if (known?.version !== partner.version) return ask(partner)
    const restsUntil = known.failedAt === undefined ? known.at + holdMilliseconds : known.failedAt + failureMilliseconds
    return time() < restsUntil ? known.keys : ask(partner)
  }

  return partner => async (header, token) => {
    const keys = await current(partner)
    try {
      return await keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      const isRecent = time() - (held.get(partner.id)?.at ?? 0) < unknownKeyMilliseconds
      return await (isRecent ? keys : await ask(partner))(header, token)
    }
  }
}

/** The JWK Set that the issuer's metadata name (OpenID Connect Discovery 1.0), at the address that is pinned. */
async function load(needs: Needs, partner: Issuer): Promise<Keys> {
  const { fetch } = needs
  const { issuer } = partner
  try {
    const found = await json(fetch, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
    const metadata = Metadata.parse(found)
    if (metadata.issuer !== issuer) throw unusable('Its metadata are of another issuer')
    await requirePinned(needs, partner, metadata)
    return createLocalJWKSet(JwkSet.parse(await json(fetch, metadata.jwks_uri)))
  } catch (error) {
    throw new Refusal('partner-keys-unavailable', `${reasonOf(error)}; send the event again later`, {
      headers: { 'retry-after': String(Math.ceil(failureMilliseconds / 1000)) },
    })
  }
}

async function json(fetch: Needs['fetch'], address: string): Promise<unknown> {
  const answer = await fetch(address, { headers: { accept: 'application/json' } })
  if (answer.status !== 200) throw unusable(`It answers with the status ${answer.status}`)
  return answer.json()
}

const unusable = (why: string) => new Refusal('partner-unavailable', why)

/** What others wrote is not repeated. @throws what is no fault of the partner's */
function reasonOf(error: unknown): string {
  if (error instanceof Refusal) return error.message
  const isTheirs = error instanceof z.ZodError || error instanceof SyntaxError || error instanceof errors.JOSEError
  if (!isTheirs) throw error
  return 'The metadata or the keys of the issuer cannot be used'
}
