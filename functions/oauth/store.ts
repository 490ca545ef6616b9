import { ClientRecord } from '../../schemas/client.ts'
import { DevicePoll, LinkConsent, OAuthArtefact, OAuthPointer, RequestCount } from '../../schemas/oauth-records.ts'
import type { Key } from '../../schemas/table.ts'
import { Conflict, put, recordType, remove, type Table, type Write } from '../kernel/table.ts'

const client = recordType('client', ClientRecord)
const artefact = recordType('oauth-artefact', OAuthArtefact)
const pointer = recordType('oauth-pointer', OAuthPointer)
const consent = recordType('link-consent', LinkConsent)
const poll = recordType('device-poll', DevicePoll)
const requests = recordType('request-count', RequestCount)

const clientKey = (id: string): Key => ({ pk: `CLIENT#${id}`, sk: 'HEAD' })
const artefactKey = (model: string, id: string): Key => ({ pk: `OAUTH#${model}#${id}`, sk: 'HEAD' })
const grantPartition = (grantId: string): string => `OAUTH#grant#${grantId}`
const grantKey = (grantId: string, model: string, id: string): Key => ({
  pk: grantPartition(grantId),
  sk: `${model}#${id}`,
})
const consentKey = (grantId: string): Key => ({ pk: grantPartition(grantId), sk: 'CONSENT' })
const pollKey = (deviceCodeHash: string): Key => ({ pk: `OAUTH#poll#${deviceCodeHash}`, sk: 'HEAD' })

/** What an artefact is looked up by, apart from its id. */
export type Alias = { by: 'access-token' | 'user-code'; value: string }
const aliasKey = (model: string, { by, value }: Alias): Key => ({ pk: `OAUTH#${by}#${model}#${value}`, sk: 'HEAD' })

/** Ids come from requests: longer ones than any we give out cannot exist, and DynamoDB refuses keys over 2 KB. */
const possible = (id: string): boolean => id.length > 0 && id.length <= 256

export const findClient = async (table: Table, id: string): Promise<ClientRecord | undefined> =>
  possible(id) ? table.get(client, clientKey(id)) : undefined

export const putClient = (table: Table, record: ClientRecord): Promise<void> =>
  table.write(put(client, clientKey(record.id), record))

/** The artefact as stored, which may have expired: TTL deletion is up to days late. */
export const findArtefact = async (table: Table, model: string, id: string): Promise<OAuthArtefact | undefined> =>
  possible(id) ? table.get(artefact, artefactKey(model, id)) : undefined

export async function findByAlias(table: Table, model: string, alias: Alias): Promise<OAuthArtefact | undefined> {
  const found = possible(alias.value) ? await table.get(pointer, aliasKey(model, alias)) : undefined
  return found && findArtefact(table, model, found.id)
}

/** @throws Conflict when there is one already, expired or not */
export const createArtefact = (table: Table, record: OAuthArtefact): Promise<void> =>
  table.write(putArtefact(record, 'absent'))

/** @throws Conflict when it is gone */
export const changeArtefact = (table: Table, record: OAuthArtefact): Promise<void> =>
  table.write(putArtefact(record, 'present'))

/**
 * Creates or replaces it together with what leads to it. Pointers are items and no index entries, because an index
 * lags: a token that was just issued must be found when its grant is revoked.
 */
export function saveArtefact(
  table: Table,
  record: OAuthArtefact,
  { aliases, grantId }: { aliases: Alias[]; grantId: string | undefined },
): Promise<void> {
  const { model, id, expiresAt } = record
  const keys = aliases.map(alias => aliasKey(model, alias))
  if (grantId !== undefined) keys.push(grantKey(grantId, model, id))
  const saved = putArtefact(record)
  if (keys.length === 0) return table.write(saved)
  return table.commit([saved, ...keys.map(key => putPointer(key, { model, id, expiresAt }))])
}

/** Another way to an artefact that exists. */
export const putAlias = (table: Table, target: OAuthPointer, alias: Alias): Promise<void> =>
  table.write(putPointer(aliasKey(target.model, alias), target))

/** @throws Conflict when it is no longer what it was when it was read */
export const replacePayload = (
  table: Table,
  read: OAuthArtefact,
  payload: string,
  expiresAt = read.expiresAt,
): Promise<void> => table.write(replaced(read, payload, expiresAt))

/** Gives it to a grant, which then removes it when it is revoked. @throws Conflict as `replacePayload` */
export const giveToGrant = (table: Table, read: OAuthArtefact, payload: string, grantId: string): Promise<void> => {
  const { model, id, expiresAt } = read
  return table.commit([
    replaced(read, payload, expiresAt),
    putPointer(grantKey(grantId, model, id), { model, id, expiresAt }),
  ])
}

/** A pointer that is left behind leads nowhere and expires. */
export const removeArtefact = async (table: Table, model: string, id: string): Promise<void> => {
  if (possible(id)) await table.write(remove(artefactKey(model, id)))
}

/** Removes it for one of those who would: @throws Conflict for the others */
export const takeArtefact = async (table: Table, model: string, id: string): Promise<void> => {
  if (possible(id)) await table.write(remove(artefactKey(model, id), 'present'))
}

/** Removes every artefact that was issued under the grant, or those of one model. */
export async function removeOfGrant(table: Table, grantId: string, model?: string): Promise<void> {
  if (!possible(grantId)) return
  const found = await table.collection({ pointers: pointer }, { partition: grantPartition(grantId) })
  const pointers = found.pointers.filter(each => model === undefined || each.model === model)
  const perCommit = 50
  for (let start = 0; start < pointers.length; start += perCommit)
    await table.commit(
      pointers
        .slice(start, start + perCommit)
        .flatMap(each => [remove(artefactKey(each.model, each.id)), remove(grantKey(grantId, each.model, each.id))]),
    )
}

/** The grant itself and what the member agreed to. */
export async function removeGrant(table: Table, grantId: string): Promise<void> {
  if (possible(grantId)) await table.commit([remove(artefactKey('Grant', grantId)), remove(consentKey(grantId))])
}

export const findConsent = async (table: Table, grantId: string): Promise<LinkConsent | undefined> =>
  possible(grantId) ? table.get(consent, consentKey(grantId)) : undefined

export const consentWrite = (grantId: string, record: LinkConsent, when?: 'present'): Write =>
  put(consent, consentKey(grantId), record, { ttl: record.expiresAt, ...(when && { when }) })

export const findPoll = (table: Table, deviceCodeHash: string): Promise<DevicePoll | undefined> =>
  table.get(poll, pollKey(deviceCodeHash))

/** @throws Conflict when somebody else polled meanwhile */
export const savePoll = (
  table: Table,
  {
    deviceCodeHash,
    after,
    before,
    ttl,
  }: { deviceCodeHash: string; after: DevicePoll; before?: DevicePoll; ttl: number },
): Promise<void> =>
  table.write(
    put(poll, pollKey(deviceCodeHash), after, { when: before ? { equals: { at: before.at } } : 'absent', ttl }),
  )

/** Counts a request of this kind within the minute. @returns how many there were, this one with them */
export async function countRequest(table: Table, kind: string, minute: number): Promise<number> {
  const key = { pk: `OAUTH#requests#${kind}`, sk: `MINUTE#${minute}` }
  const counted = await table.increase(requests, key, 'count', 1)
  if (counted) return counted.count
  try {
    await table.write(put(requests, key, { count: 1 }, { when: 'absent', ttl: (minute + 2) * 60 }))
    return 1
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    return (await table.increase(requests, key, 'count', 1))?.count ?? 1
  }
}

const replaced = (read: OAuthArtefact, payload: string, expiresAt: number | undefined): Write =>
  putArtefact(
    { ...read, payload, ...(expiresAt !== undefined && { expiresAt }) },
    { equals: { payload: read.payload } },
  )

const putArtefact = (record: OAuthArtefact, when?: 'absent' | 'present' | { equals: { payload: string } }): Write =>
  put(artefact, artefactKey(record.model, record.id), record, { ...(when && { when }), ...ttlOf(record.expiresAt) })

const putPointer = (key: Key, target: OAuthPointer): Write => put(pointer, key, target, ttlOf(target.expiresAt))

/** Kept an hour longer than it holds, so that who comes late can be told. */
const ttlOf = (expiresAt: number | undefined) => (expiresAt === undefined ? {} : { ttl: expiresAt + 3600 })
