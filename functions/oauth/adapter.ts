import { type Adapter, type AdapterFactory, type AdapterPayload, errors } from 'oidc-provider'
import type { ClientRecord, OAuthArtefact } from '../../schemas/client.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { againOnConflict, Conflict, type Table } from '../kernel/table.ts'
import {
  type Alias,
  createArtefact,
  findArtefact,
  findByAlias,
  findClient,
  removeArtefact,
  removeOfGrant,
  replacePayload,
  saveArtefact,
} from './store.ts'

type Needs = { table: Table; wallNow: Now }

/** oidc-provider's storage on the one table; clients are read-only here, `saveClient` registers them. */
export const tableAdapter =
  (needs: Needs): AdapterFactory =>
  model => {
    // The library names models after its classes: a bundler that shortens class names would void the rules kept here.
    if (!models.has(model)) throw new Error(`unknown model ${model}: bundle with keepNames`)
    return model === 'Client' ? clientAdapter(needs.table) : artefactAdapter(needs, model)
  }

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
  const live = (found: OAuthArtefact | undefined): OAuthArtefact | undefined =>
    found && (found.expiresAt === undefined || found.expiresAt > epochSeconds(wallNow())) ? found : undefined

  /** A pointer may lead to an artefact that has moved on: only one that still carries the value counts. */
  const findThrough = async (alias: Alias, field: 'uid' | 'userCode') => {
    const payload = payloadOf(live(await findByAlias(table, model, alias)))
    return payload?.[field] === alias.value ? payload : undefined
  }

  return {
    async upsert(id, payload, expiresIn) {
      const record: OAuthArtefact = {
        model,
        id,
        payload: JSON.stringify(payload),
        ...(expiresIn !== undefined && { expiresAt: epochSeconds(wallNow()) + Math.ceil(expiresIn) }),
      }
      if (model === 'ReplayDetection') return markUsed(table, record)
      const aliases: Alias[] = []
      if (payload.uid) aliases.push({ by: 'uid', value: payload.uid })
      if (payload.userCode) aliases.push({ by: 'user-code', value: payload.userCode })
      await saveArtefact(table, record, { aliases, grantId: payload.grantId })
    },
    find: async id => payloadOf(live(await findArtefact(table, model, id))),
    findByUid: uid => findThrough({ by: 'uid', value: uid }, 'uid'),
    findByUserCode: userCode => findThrough({ by: 'user-code', value: userCode }, 'userCode'),
    consume: id =>
      againOnConflict(async () => {
        const found = live(await findArtefact(table, model, id))
        const payload = payloadOf(found)
        if (!found || !payload) return
        // The library looks before it consumes, so two rivals may both have seen an unused code: one of them loses here.
        if (payload.consumed) throw new errors.InvalidGrant('already used')
        await replacePayload(table, found, JSON.stringify({ ...payload, consumed: epochSeconds(wallNow()) }))
      }),
    destroy: id => removeArtefact(table, model, id),
    revokeByGrantId: grantId => removeOfGrant(table, model, grantId),
  }
}

/**
 * The library looks for the mark before it sets it; create-only writing keeps two simultaneous uses of one assertion
 * from both passing (RFC 7523 §3, jti).
 */
async function markUsed(table: Table, mark: OAuthArtefact): Promise<void> {
  try {
    await createArtefact(table, mark)
  } catch (error) {
    throw error instanceof Conflict ? new errors.InvalidClientAuth('client assertions are used once') : error
  }
}

function clientAdapter(table: Table): Adapter {
  const readOnly = async (): Promise<never> => {
    throw new Error('clients are registered by the operator only')
  }
  const nothing = async () => undefined
  return {
    async find(id) {
      const record = await findClient(table, id)
      return record && clientMetadata(record)
    },
    upsert: readOnly,
    consume: readOnly,
    destroy: readOnly,
    findByUid: nothing,
    findByUserCode: nothing,
    revokeByGrantId: nothing,
  }
}

/** `client_secret` is the secret's hash here: `compareClientSecret` of the authorization server hashes what is sent. */
function clientMetadata(record: ClientRecord): AdapterPayload {
  return {
    client_id: record.id,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    token_endpoint_auth_method: record.authentication,
    ...(record.scopes.length > 0 && { scope: record.scopes.join(' ') }),
    brand: record.brand,
    ...(record.partner !== undefined && { partner: record.partner }),
    ...(record.secretHash !== undefined && { client_secret: record.secretHash }),
    ...(record.jwks && { jwks: structuredClone(record.jwks) as NonNullable<AdapterPayload['jwks']> }),
  }
}

const payloadOf = (found: OAuthArtefact | undefined): AdapterPayload | undefined =>
  found && (JSON.parse(found.payload) as AdapterPayload)
