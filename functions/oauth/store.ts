import { ClientRecord, OAuthArtefact, OAuthPointer } from '../../schemas/client.ts'
import type { Key } from '../../schemas/table.ts'
import { put, recordType, remove, type Table, type Write } from '../kernel/table.ts'

const client = recordType('client', ClientRecord)
const artefact = recordType('oauth-artefact', OAuthArtefact)
const pointer = recordType('oauth-pointer', OAuthPointer)

const clientKey = (id: string): Key => ({ pk: `CLIENT#${id}`, sk: 'HEAD' })
const artefactKey = (model: string, id: string): Key => ({ pk: `OAUTH#${model}#${id}`, sk: 'HEAD' })
const grantPartition = (grantId: string): string => `OAUTH#grant#${grantId}`
const grantKey = (grantId: string, model: string, id: string): Key => ({
  pk: grantPartition(grantId),
  sk: `${model}#${id}`,
})

/** What an artefact is looked up by, apart from its id. */
export type Alias = { by: 'uid' | 'user-code'; value: string }
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
  return table.commit([saved, ...keys.map(key => put(pointer, key, { model, id, expiresAt }, ttlOf(expiresAt)))])
}

/** @throws Conflict when it is no longer what it was when it was read */
export const replacePayload = (table: Table, read: OAuthArtefact, payload: string): Promise<void> =>
  table.write(putArtefact({ ...read, payload }, { equals: { payload: read.payload } }))

/** A pointer that is left behind leads nowhere and expires. */
export const removeArtefact = async (table: Table, model: string, id: string): Promise<void> => {
  if (possible(id)) await table.write(remove(artefactKey(model, id)))
}

/** Removes every artefact of one model that was issued under the grant. */
export async function removeOfGrant(table: Table, model: string, grantId: string): Promise<void> {
  if (!possible(grantId)) return
  const found = await table.all(pointer, { partition: grantPartition(grantId), startsWith: `${model}#` })
  const perCommit = 50
  for (let start = 0; start < found.length; start += perCommit) {
    const ids = found.slice(start, start + perCommit).map(({ id }) => id)
    await table.commit(ids.flatMap(id => [remove(artefactKey(model, id)), remove(grantKey(grantId, model, id))]))
  }
}

const putArtefact = (record: OAuthArtefact, when?: 'absent' | { equals: { payload: string } }): Write =>
  put(artefact, artefactKey(record.model, record.id), record, { ...(when && { when }), ...ttlOf(record.expiresAt) })

const ttlOf = (expiresAt: number | undefined) => (expiresAt === undefined ? {} : { ttl: expiresAt })
