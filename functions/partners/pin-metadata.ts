import type { Partner } from '../../schemas/partner.ts'
import type { Now } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { findPin, type Pin, PinnedMetadata, pinWrite } from './store.ts'

type Needs = { table: Table; now: Now; log: Log }

/**
 * Trusts a partner's metadata (OpenID Connect Discovery 1.0, RFC 8414) once: what the first discovery after a
 * registration says is stored with the registration's version, and later ones must say the same. Who can change the
 * document, but not the registration, cannot lead members or the gateway's credentials elsewhere.
 *
 * A partner may begin to offer pushed requests, revocation or userinfo, at an origin (RFC 6454) that members, codes or
 * credentials are sent to already: that of a pinned endpoint, be it authorization, token or another. The issuer and the
 * keys lie on origins that are only read from, which may be a static host: additions there are refused, as is whatever
 * else differs, an endpoint that is gone too. To change those, the partner is registered anew.
 * @throws Refusal partner-unavailable when the metadata cannot be used, or are others than those that were pinned
 */
export async function requirePinned(
  { table, now, log }: Needs,
  { id: partner, version }: Pick<Partner, 'id' | 'version'>,
  found: Record<string, unknown>,
): Promise<void> {
  const parsed = PinnedMetadata.safeParse(found)
  if (!parsed.success) {
    log('warn', 'partner-metadata-unusable', { partner, fields: parsed.error.issues.map(({ path }) => path.join('.')) })
    throw new Refusal('partner-unavailable', 'The partner’s metadata lack an address that is needed, or have a bad one')
  }
  const metadata = parsed.data
  await againOnConflict(async () => {
    const pin = await findPin(table, partner)
    if (!pin || pin.version < version)
      return table.write(pinWrite({ partner, version, metadata, pinnedAt: now() }, pin))
    const fields = changedFields(pin, metadata)
    if (fields.length === 0) return
    log('warn', 'partner-metadata-changed', { partner, fields })
    throw new Refusal('partner-unavailable', 'The partner’s metadata have changed since it was registered')
  })
}

/** Endpoints that may be added later, where they lie at the origin of a pinned one. */
const addable = ['userinfo_endpoint', 'pushed_authorization_request_endpoint', 'revocation_endpoint'] as const

/** That `iss` is promised only now makes nothing weaker; that it is no longer promised does (RFC 9207). */
function changedFields({ metadata: pinned }: Pin, found: PinnedMetadata): string[] {
  const names = Object.keys(PinnedMetadata.shape) as (keyof PinnedMetadata)[]
  const called = new Set(
    [pinned.authorization_endpoint, pinned.token_endpoint, ...addable.map(name => pinned[name])]
      .filter(endpoint => endpoint !== undefined)
      .map(endpoint => new URL(endpoint).origin),
  )
  const isAddition = (name: (typeof addable)[number]): boolean => {
    const endpoint = found[name]
    return pinned[name] === undefined && endpoint !== undefined && called.has(new URL(endpoint).origin)
  }
  const added = addable.filter(isAddition) as string[]
  return names.filter(name =>
    name === 'authorization_response_iss_parameter_supported'
      ? pinned[name] && !found[name]
      : pinned[name] !== found[name] && !added.includes(name),
  )
}
