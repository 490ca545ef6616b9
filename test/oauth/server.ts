import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { systemNow } from '../../functions/kernel/clock.ts'
import { newIdFrom, systemRandom } from '../../functions/kernel/ids.ts'
import { type Log, silentLog } from '../../functions/kernel/log.ts'
import { answerProblem } from '../../functions/kernel/problem.ts'
import { json, operation, router } from '../../functions/kernel/validate.ts'
import { bearer } from '../../functions/oauth/bearer-routes.ts'
import { authorizationServer } from '../../functions/oauth/provider.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { oauthRoutes } from '../../functions/oauth/routes.ts'
import { accessVerifier } from '../../functions/oauth/verify-access.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { ClientRecord } from '../../schemas/client.ts'
import { Caller } from '../../schemas/client.ts'
import { freshTable } from '../support/table.ts'

export const youku: ClientRecord = {
  id: 'youku',
  brand: 'youku',
  partner: 'youku',
  scopes: ['entitlements:read', 'usage:write'],
  authentication: 'client_secret_basic',
  secretHash: sha256('youku-secret'),
}

const whoAmI = operation({
  method: 'get',
  path: '/who',
  summary: 'The caller',
  tag: 'Test',
  scopes: ['usage:write'],
  responses: { 200: json(Caller, 'The caller') },
})

/** The authorization server with the key ring and bearer check around it, on a table of its own. */
export async function oauthParts(issuer: string, log: Log = silentLog) {
  const { table: opened } = await freshTable()
  const calls: string[] = []
  const table = new Proxy(opened, {
    get(target, name: keyof typeof opened) {
      calls.push(name)
      return target[name]
    },
  })
  const time = { now: systemNow, wallNow: systemNow }
  const random = systemRandom
  const parts = { issuer, table, ...time, random, newId: newIdFrom(systemNow, random), log }
  const keys = keyRing({ table, vault: developmentVault(), now: systemNow, wallNow: systemNow, random: systemRandom })
  const authorization = authorizationServer({ ...parts, keys })
  const app = router()
  app.onError(answerProblem(log))
  app.use(bearer(accessVerifier({ issuer, keys, wallNow: systemNow })))
  app.route('/', oauthRoutes({ authorization }))
  app.get('/.well-known/jwks.json', async c => c.json({ keys: await keys.publicKeys() }))
  app.openapi(whoAmI, c => {
    const caller = c.get('caller')
    if (!caller) throw new Error('no caller')
    return c.json(caller, 200)
  })
  await saveClient({ table }, youku)
  return { ...parts, app, keys, calls }
}

export type OAuthParts = Awaited<ReturnType<typeof oauthParts>>

/** The same, listening on loopback. */
export async function oauthServer(log?: Log): Promise<OAuthParts & { stop(): Promise<void> }> {
  let app: OAuthParts['app'] | undefined
  const server = serve({ fetch: request => app?.fetch(request) ?? new Response(null, { status: 503 }), port: 0 })
  await new Promise<void>(ready => (server.listening ? ready() : server.once('listening', ready)))
  const parts = await oauthParts(`http://localhost:${(server.address() as AddressInfo).port}`, log)
  app = parts.app
  return {
    ...parts,
    stop: () =>
      new Promise(stopped => {
        server.close(() => stopped())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}

export const basic = (id: string, secret: string): Record<string, string> => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})

/** Sends a form to the token endpoint, without a network. */
export async function askToken(
  { app }: Pick<OAuthParts, 'app'>,
  headers: Record<string, string>,
  form: Record<string, string> = {},
) {
  const response = await app.request('/oauth/token', {
    method: 'POST',
    headers,
    body: new URLSearchParams({ grant_type: 'client_credentials', ...form }),
  })
  return { response, body: (await response.json()) as Record<string, unknown> }
}
