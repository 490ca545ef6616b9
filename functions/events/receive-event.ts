import { compactVerify, errors } from 'jose'
import { epochMilliseconds, epochSeconds, instantOf, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import type { Log } from '../kernel/log.ts'
import type { Table } from '../kernel/table.ts'
import { breakLink } from '../links/break-link.ts'
import { findPartner } from '../partners/find-partner.ts'
import type { PartnerKeys } from './partner-keys.ts'
import { EventRefused, eventAlgorithms, type PartnerEvent, readEvent } from './read-event.ts'
import { isReceived, rememberReceived } from './store.ts'

type Needs = { table: Table; now: Now; wallNow: Now; newId: NewId; random: Random; log: Log; partnerKeys: PartnerKeys }

/** Clocks differ, and events are dated in whole seconds. When in doubt a link is broken: the member may link again. */
const toleranceMilliseconds = 60_000

/**
 * Takes a security event token that a partner pushed: what it says of an account breaks the links of that account. A
 * link that was made since, by a member who came back, is not touched: not by an event that comes late, since that is
 * dated before it, and not by a repetition, whose `jti` is known.
 * @throws EventRefused
 * @throws Refusal partner-not-found, partner-keys-unavailable
 */
export async function receiveEvent(needs: Needs, { partner: id, token }: { partner: string; token: string }) {
  const { table, log, wallNow, partnerKeys } = needs
  const partner = await findPartner({ table }, id)
  try {
    const parties = { issuer: partner.issuer, audience: partner.clientId }
    const event = readEvent(token, parties, epochSeconds(wallNow()))
    await verify(token, partnerKeys(partner))
    const broken = await applied(needs, partner.id, event)
    log('info', 'event-received', { partner: partner.id, links: broken.map(({ id: link }) => link) })
  } catch (error) {
    if (error instanceof EventRefused) log('warn', 'event-refused', { partner: partner.id, code: error.refusal.err })
    throw error
  }
}

async function applied(needs: Needs, partner: string, { id, told, occurredAt }: PartnerEvent) {
  const { table, wallNow } = needs
  // What means nothing here is taken all the same: the partner need not know which types do.
  if (!told || (await isReceived(table, partner, id))) return []
  const broken = await breakLink(needs, { partner, ...told, occurredAt: businessTime(needs, occurredAt) })
  // Not before: an event whose effect failed half-way has to have it when it comes again.
  await rememberReceived(table, partner, id, wallNow())
  return broken
}

/** The event's age is real time; links are dated by the business clock, which a test clock may have moved ahead. */
function businessTime({ now, wallNow }: Pick<Needs, 'now' | 'wallNow'>, seconds: number) {
  const age = epochMilliseconds(wallNow()) - seconds * 1000
  return instantOf(epochMilliseconds(now()) - age + toleranceMilliseconds)
}

async function verify(token: string, keys: ReturnType<PartnerKeys>): Promise<void> {
  try {
    await compactVerify(token, (header, jws) => keys(header, jws), { algorithms: eventAlgorithms })
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed)
      throw new EventRefused('authentication_failed', 'the signature is not that of the key that the header names')
    if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
      throw new EventRefused('invalid_key', 'kid and alg do not name one key of the JWK Set of the issuer')
    if (error instanceof errors.JWSInvalid) throw new EventRefused('invalid_request', 'the signed JWT is malformed')
    // Too short an RSA key, a key that is no key, an extension that must be understood.
    if (error instanceof errors.JOSEError || error instanceof TypeError)
      throw new EventRefused('invalid_key', 'the key, or a critical header, cannot be used')
    throw error
  }
}
