import {
  type StatusListClaims,
  statusListLifetimeSeconds,
  statusListSize,
  statusListTtlSeconds,
} from '../../schemas/status-list.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { epochSeconds, heldFor, later, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { Conflict, type Table } from '../kernel/table.ts'
import type { KeyRing } from './keys.ts'
import { encoded, statusBits, statusListUri, wholeList } from './status-list.ts'
import {
  allChunks,
  findFamily,
  findListHead,
  findSignedList,
  type ListName,
  type SignedStatusList,
  storeSignedList,
} from './status-store.ts'

export type StatusListNeeds = { table: Table; keys: Pick<KeyRing, 'sign' | 'publicKeysFor'>; now: Now; issuer: string }

/** For so long after a look at a list's revision it is not looked at again. */
const lookSeconds = 5
/** Lists held in memory: at most about 120 KB each, about 20 KB as a rule. */
const mostHeld = 64

/**
 * Signed status lists, as every instance of the gateway serves them: signed once for each change or ttl, stored, and held
 * in memory. A request within 5 s of the last look reads nothing; a later one reads the list's revision.
 * @returns what finds a list's token; it throws Refusal status-list-not-found for a list nothing was drawn from
 */
export function signedStatusLists(needs: StatusListNeeds): (name: ListName) => Promise<string> {
  const held = heldFor<SignedStatusList>(lookSeconds, { entries: mostHeld })
  return async name => {
    const kids = (await needs.keys.publicKeysFor('status-list')).map(({ kid }) => kid)
    // Held under the keys that are trusted: what a withdrawn one signed is not given out a moment longer.
    const key = [name.partner, name.list, ...kids].join(' ')
    const { jwt } = await held.get(key, needs.now(), known => currentToken(needs, name, { known, kids }))
    return jwt
  }
}

async function currentToken(
  needs: StatusListNeeds,
  name: ListName,
  { known, kids }: { known: SignedStatusList | undefined; kids: string[] },
): Promise<SignedStatusList> {
  const { table, now } = needs
  const head = await findListHead(table, name)
  // A list whose bits are all 0 has no head yet.
  if (!head && !known && !(await isDrawnFrom(table, name))) throw new Refusal('status-list-not-found')
  const revision = head?.revision ?? 0
  const isGood = ({ revision: shown, kid, signedAt }: SignedStatusList) =>
    shown >= revision &&
    kids.includes(kid) &&
    // Another instance's clock may be a little ahead of this one's.
    Math.abs(epochSeconds(now()) - epochSeconds(signedAt)) < statusListTtlSeconds
  if (known && isGood(known)) return known
  const stored = await findSignedList(table, name)
  if (stored && isGood(stored)) return stored
  const fresh = await signedNow(needs, name, revision, stored)
  try {
    await storeSignedList(table, fresh, stored)
    return fresh
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    // A rival instance was quicker; its token is as good, and the same for everybody.
    const rival = await findSignedList(table, name)
    return rival && isGood(rival) ? rival : fresh
  }
}

async function isDrawnFrom(table: Table, { partner, list }: ListName): Promise<boolean> {
  const family = await findFamily(table, partner)
  return family !== undefined && family.drawn > (list - 1) * statusListSize
}

async function signedNow(
  { table, keys, now, issuer }: StatusListNeeds,
  name: ListName,
  revision: number,
  before: SignedStatusList | undefined,
): Promise<SignedStatusList> {
  // Chunks are read after the revision, so they show at least what it counts.
  const bytes = wholeList(await allChunks(table, name))
  // A verifier that has seen the list before takes one that is older for a replay, and instances' clocks differ.
  const signedAt = before ? later(now(), before.signedAt) : now()
  const claims = listClaims(statusListUri(issuer, name.partner, name.list), {
    issuer,
    bytes,
    iat: epochSeconds(signedAt),
  })
  const jwt = await keys.sign('status-list', tokenTypes.statusList, claims)
  return { ...name, jwt, revision, kid: kidOf(jwt), signedAt, version: (before?.version ?? 0) + 1 }
}

/** Claims of a status list token (pure); draft-ietf-oauth-status-list, "Status List Token in JWT Format". */
export const listClaims = (
  sub: string,
  { issuer, bytes, iat }: { issuer: string; bytes: Uint8Array; iat: number },
): StatusListClaims => ({
  sub,
  iss: issuer,
  iat,
  exp: iat + statusListLifetimeSeconds,
  ttl: statusListTtlSeconds,
  status_list: { bits: statusBits, lst: encoded(bytes) },
})

/** The key that signed, which may have changed over since it was last asked for. */
function kidOf(jwt: string): string {
  const [header = ''] = jwt.split('.')
  return String((JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid?: string }).kid)
}
