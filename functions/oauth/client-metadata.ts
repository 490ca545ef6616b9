import type { AdapterPayload } from 'oidc-provider'
import { type ClientRecord, linkScope } from '../../schemas/client.ts'
import { deviceGrant } from '../../schemas/oauth.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { findPartner } from '../partners/find-partner.ts'
import { findClient } from './store.ts'

/** A client as the authorization server's library wants to know it: its record, and its partner's registration. */
export async function clientMetadata({ table }: { table: Table }, id: string): Promise<AdapterPayload | undefined> {
  const record = await findClient(table, id)
  if (!record) return undefined
  const redirectUris = record.partner === undefined ? undefined : await redirectUrisOf(table, record.partner)
  return { ...machineMetadata(record), ...(redirectUris && linkMetadata(record, redirectUris)) }
}

/** `client_secret` is the secret's hash here: `compareClientSecret` of the authorization server hashes what is sent. */
const machineMetadata = (record: ClientRecord): AdapterPayload => ({
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
})

/** What a partner's client may do besides: begin links, on devices always, in browsers where it has addresses. */
function linkMetadata({ scopes }: ClientRecord, redirectUris: string[]): AdapterPayload {
  const isNative = redirectUris.some(uri => !uri.startsWith('https:'))
  // The library refuses a whole client for what an app cannot have: claimed https addresses on a loopback host.
  const usable = redirectUris.filter(uri => !isNative || !isLoopbackHttps(uri))
  const inBrowsers = usable.length > 0
  return {
    grant_types: ['client_credentials', ...(inBrowsers ? ['authorization_code'] : []), deviceGrant, 'refresh_token'],
    response_types: inBrowsers ? ['code'] : [],
    response_modes: ['query'],
    redirect_uris: usable,
    application_type: isNative ? 'native' : 'web',
    scope: [...scopes, linkScope].join(' '),
  }
}

const isLoopbackHttps = (uri: string): boolean =>
  uri.startsWith('https:') && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(uri).hostname)

/** Undefined while the partner is not registered: nothing can be linked there. */
async function redirectUrisOf(table: Table, partner: string): Promise<string[] | undefined> {
  try {
    return (await findPartner({ table }, partner)).redirectUris ?? []
  } catch (error) {
    if (error instanceof Refusal && error.code === 'partner-not-found') return undefined
    throw error
  }
}
