import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb'
import { type Adapter, type AdapterPayload, type Configuration, Provider } from 'oidc-provider'
import { localAccess } from '../../../functions/local/engine.ts'
import type { OidcClient } from '../mint-world.ts'
import { answering } from './answering.ts'
import { listening } from './listening.ts'

type Material = OidcClient & { endpoint: string }

/** oidc-provider as its documentation sets it up for client_credentials with JWT access tokens, on its own server. */
answering({
  start: (material: Material): Promise<number> => {
    const provider = new Provider(material.issuer, configuration(material))
    // The load comes over plain http, while the issuer is https, as behind any load balancer.
    provider.proxy = true
    return listening(provider.callback())
  },
})

function configuration({ endpoint, tableName, scope, issuer }: Material): Configuration {
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, ...localAccess }))
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    adapter: model => adapter(documents, tableName, model),
    jwks: {
      keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'bench', alg: 'ES256', use: 'sig' }],
    } as NonNullable<Configuration['jwks']>,
    cookies: { keys: [randomBytes(16).toString('hex')] },
    scopes: scope.split(' '),
    responseTypes: [],
    clientAuthMethods: ['client_secret_basic'],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    ttl: { ClientCredentials: 600 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => issuer,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope,
          audience: issuer,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  }
}

function adapter(documents: DynamoDBDocumentClient, TableName: string, model: string): Adapter {
  const keyOf = (id: string) => ({ pk: `${model}#${id}`, sk: 'HEAD' })
  const unused = async () => undefined
  return {
    async find(id) {
      const { Item } = await documents.send(new GetCommand({ TableName, Key: keyOf(id), ConsistentRead: true }))
      return Item && (JSON.parse(Item['payload']) as AdapterPayload)
    },
    async upsert(id, payload) {
      await documents.send(new PutCommand({ TableName, Item: { ...keyOf(id), payload: JSON.stringify(payload) } }))
    },
    async destroy(id) {
      await documents.send(new DeleteCommand({ TableName, Key: keyOf(id) }))
    },
    findByUid: unused,
    findByUserCode: unused,
    consume: unused,
    revokeByGrantId: unused,
  }
}
