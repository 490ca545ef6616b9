import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { AuthorizationServerMetadata, OAuthError, TokenAnswer, TokenRequest } from '../../schemas/client.ts'
import { type App, type GatewayEnv, json, operation, problemAnswer, router } from '../kernel/validate.ts'
import type { AuthorizationServer } from './provider.ts'
import { invalidToken, tokenPath, type VerifyAccess } from './verify-access.ts'

const maxBodyBytes = 16 * 1024

const metadataRoute = operation({
  method: 'get',
  path: '/.well-known/oauth-authorization-server',
  summary: 'What the authorization server can do (RFC 8414)',
  tag: 'trust',
  scopes: [],
  responses: { 200: json(AuthorizationServerMetadata, 'Metadata'), default: problemAnswer },
})

const tokenRoute = operation({
  method: 'post',
  path: tokenPath,
  summary: 'Get an access token with client credentials (RFC 6749 §4.4)',
  tag: 'trust',
  scopes: [],
  request: {
    body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: TokenRequest } } },
  },
  responses: {
    200: json(TokenAnswer, 'An RFC 9068 access token'),
    400: json(OAuthError, 'An OAuth error (RFC 6749 §5.2)'),
    401: json(OAuthError, 'The client could not be authenticated'),
    default: problemAnswer,
  },
})

export function oauthRoutes({ authorization }: { authorization: AuthorizationServer }): App {
  const app = router()
  app.openapi(metadataRoute, c => {
    c.header('cache-control', 'public, max-age=300')
    return c.json(authorization.metadata(), 200)
  })
  // Described only: a validator would answer problems where OAuth clients expect OAuth errors.
  app.described.push(tokenRoute)
  const tooLarge = { error: 'invalid_request', error_description: 'the body is over 16 KB' }
  app.post(
    tokenPath,
    bodyLimit({ maxSize: maxBodyBytes, onError: c => c.json(tooLarge, 413, { 'cache-control': 'no-store' }) }),
    async c => authorization.token(c.req.raw.headers, await c.req.text()),
  )
  return app
}

/**
 * Reads the access token (RFC 6750 §2.1). Without one a request goes on without a caller: the operation knows whether
 * it needs one. The token endpoint has credentials of its own and is left alone.
 */
export const bearer =
  (verify: VerifyAccess): MiddlewareHandler<GatewayEnv> =>
  async (c, next) => {
    const authorization = c.req.header('authorization')
    if (authorization !== undefined && c.req.path !== tokenPath) {
      const token = /^bearer +([^ ]+)$/i.exec(authorization)?.[1]
      if (token === undefined) throw invalidToken('the Authorization header carries no Bearer token')
      c.set('caller', await verify(token))
    }
    await next()
  }
