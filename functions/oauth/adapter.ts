import { type Adapter, type AdapterFactory, type AdapterPayload, errors } from 'oidc-provider'
import type { OAuthArtefact } from '../../schemas/oauth-records.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { againOnConflict, Conflict, type Table } from '../kernel/table.ts'
import { clientMetadata } from './client-metadata.ts'
import {
  type Alias,
  changeArtefact,
  createArtefact,
  findArtefact,
  findByAlias,
  removeArtefact,
  removeGrant,
  removeOfGrant,
  replacePayload,
  saveArtefact,
  takeArtefact,
} from './store.ts'

type Needs = { table: Table; wallNow: Now }

/** Signing in, reading and agreeing. */
export const interactionTtlSeconds = 1800

/** oidc-provider's storage on the one table; clients are read-only here, `saveClient` registers them. */
export const tableAdapter =
  (needs: Needs): AdapterFactory =>
  model => {
    // The library names models after its classes: a bundler that shortens class names would void the rules kept here.
    if (!models.has(model)) throw new Error(`unknown model ${model}: bundle with keepNames`)
    if (model === 'Client') return clientAdapter(needs.table)
    return model === 'Session' ? noSessions : artefactAdapter(needs, model)
  }

/** When an artefact still holds: expiry is enforced here, since TTL deletion is late. */
export const isLive = ({ expiresAt }: OAuthArtefact, wallNow: Now): boolean =>
  expiresAt === undefined || expiresAt > epochSeconds(wallNow())

export const payloadOf = (found: OAuthArtefact | undefined): AdapterPayload | undefined =>
  found && (JSON.parse(found.payload) as AdapterPayload)

const models = new Set([
  'AccessToken',
  'AuthorizationCode',
  'BackchannelAuthenticationRequest',
  'Client',
  'ClientCredentials',
  'DeviceCode',
  'Grant',
  'InitialAccessToken',
  'Interaction',
  'PreAuthorizedCode',
  'PushedAuthorizationRequest',
  'RefreshToken',
  'RegistrationAccessToken',
  'ReplayDetection',
  'Session',
])

function artefactAdapter({ table, wallNow }: Needs, model: string): Adapter {
  const live = (found: OAuthArtefact | undefined) => (found && isLive(found, wallNow) ? found : undefined)

  return {
    async upsert(id, payload, expiresIn) {
      const record: OAuthArtefact = {
        model,
        id,
        payload: JSON.stringify(payload),
        ...(expiresIn !== undefined && { expiresAt: epochSeconds(wallNow()) + Math.ceil(expiresIn) + keptFor(model) }),
      }
      // Create-only: the library looks for the mark before it sets it, and two rivals may both have seen none.
      if (model === 'ReplayDetection') return createArtefact(table, record)
      // An answer to an interaction that was carried out already must not bring it back.
      if (model === 'Interaction' && payload.result) return changeArtefact(table, record).catch(goneMeanwhile)
      const aliases: Alias[] = payload.userCode ? [{ by: 'user-code', value: payload.userCode }] : []
      await saveArtefact(table, record, { aliases, grantId: payload.grantId })
    },
    async find(id) {
      const found = await findArtefact(table, model, id)
      // A device is to learn that it asks too late (RFC 8628 section 3.5), which the library tells by `exp`.
      if (found && model === 'DeviceCode' && !isLive(found, wallNow)) return { ...payloadOf(found), exp: 1 }
      return payloadOf(live(found))
    },
    findByUid: nothing,
    async findByUserCode(userCode) {
      const payload = payloadOf(live(await findByAlias(table, model, { by: 'user-code', value: userCode })))
      return payload?.userCode === userCode ? payload : undefined
    },
    consume: id =>
      againOnConflict(async () => {
        const found = live(await findArtefact(table, model, id))
        const payload = payloadOf(found)
        // The library looks before it consumes, so two rivals may both have seen an unused code: one of them loses here.
        if (!found || !payload || payload.consumed) throw usedAlready(model)
        await replacePayload(table, found, JSON.stringify({ ...payload, consumed: epochSeconds(wallNow()) }))
      }),
    async destroy(id) {
      // Whoever goes on with an interaction takes it away first: of rivals one gets a code.
      if (model === 'Interaction') return takeArtefact(table, model, id).catch(goneMeanwhile)
      await againOnConflict(() => (model === 'Grant' ? removeGrant(table, id) : removeArtefact(table, model, id)))
    },
    revokeByGrantId: grantId => againOnConflict(() => removeOfGrant(table, grantId, model)),
  }
}

/**
 * A pushed request may be answered as late as an interaction that began in its last second: until then it must be known
 * whether it was used. Whether it may still begin one, the library judges by the request's own `exp`.
 */
const keptFor = (model: string): number => (model === 'PushedAuthorizationRequest' ? interactionTtlSeconds : 0)

const usedAlready = (model: string) =>
  model === 'PushedAuthorizationRequest'
    ? new errors.InvalidRequestUri('the pushed request was used already')
    : new errors.InvalidGrant('already used')

function goneMeanwhile(error: unknown): never {
  throw error instanceof Conflict ? new errors.SessionNotFound('the interaction is over') : error
}

const nothing = async () => undefined

/**
 * The library remembers in a session who signed in; here every flow is asked anew, and a browser has nothing of a flow
 * but the cookies of its own interaction. So sessions are neither kept nor found.
 */
const noSessions: Adapter = {
  upsert: nothing,
  find: nothing,
  findByUid: nothing,
  findByUserCode: nothing,
  consume: nothing,
  destroy: nothing,
  revokeByGrantId: nothing,
}

function clientAdapter(table: Table): Adapter {
  const readOnly = async (): Promise<never> => {
    throw new Error('clients are registered by the operator only')
  }
  return {
    ...noSessions,
    find: id => clientMetadata({ table }, id),
    upsert: readOnly,
    consume: readOnly,
    destroy: readOnly,
  }
}
