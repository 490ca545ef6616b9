import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type * as z from 'zod'
import {
  AuthorizationRequest,
  AuthorizationServerMetadata,
  DeviceAnswer,
  DeviceRequest,
  OAuthError,
  PushedAnswer,
  PushedRequest,
  RevocationRequest,
  TokenAnswer,
  TokenRequest,
} from '../../schemas/oauth.ts'
import { type App, type GatewayEnv, json, operation, problemAnswer, router } from '../kernel/validate.ts'
import { endpoints } from './endpoints.ts'
import type { AuthorizationServer } from './provider.ts'

const maxBodyBytes = 16 * 1024

const metadataRoute = operation({
  method: 'get',
  path: '/.well-known/oauth-authorization-server',
  summary: 'What the authorization server can do (RFC 8414)',
  tag: 'trust',
  scopes: [],
  responses: { 200: json(AuthorizationServerMetadata, 'Metadata'), default: problemAnswer },
})

/** A route that a client calls itself, with a form and its credentials. */
const formRoute = (
  path: string,
  summary: string,
  form: z.ZodType,
  answers: Parameters<typeof operation>[0]['responses'],
) =>
  operation({
    method: 'post',
    path,
    summary,
    tag: 'trust',
    scopes: [],
    request: { body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: form } } } },
    responses: {
      ...answers,
      400: json(OAuthError, 'An OAuth error (RFC 6749 section 5.2)'),
      401: json(OAuthError, 'The client could not be authenticated'),
      default: problemAnswer,
    },
  })

/** Described only: a validator would answer problems where OAuth clients expect OAuth errors. */
const described = [
  operation({
    method: 'get',
    path: endpoints.authorize,
    summary: 'Where a partner sends a member who begins to link there (RFC 6749 section 4.1, PKCE required)',
    tag: 'trust',
    scopes: [],
    request: { query: AuthorizationRequest },
    responses: {
      303: { description: 'On to the page that asks the member, and from there back with code, state and iss' },
      default: problemAnswer,
    },
  }),
  formRoute(endpoints.token, 'Get an access token', TokenRequest, { 200: json(TokenAnswer, 'The tokens') }),
  formRoute(endpoints.par, 'Push an authorization request (RFC 9126)', PushedRequest, {
    201: json(PushedAnswer, 'What stands for the request, for one minute'),
  }),
  formRoute(endpoints.deviceAuthorization, 'Begin to link on a device (RFC 8628)', DeviceRequest, {
    200: json(DeviceAnswer, 'What the device shows'),
    429: json(OAuthError, 'Too many devices at once: slow_down'),
  }),
  formRoute(endpoints.revoke, 'Revoke a token; that of a link ends the link (RFC 7009)', RevocationRequest, {
    200: { description: 'It is revoked, or never was one' },
  }),
]

export function oauthRoutes({ authorization }: { authorization: AuthorizationServer }): App {
  const app = router()
  app.openapi(metadataRoute, c => {
    c.header('cache-control', 'public, max-age=300')
    return c.json(authorization.metadata(), 200)
  })
  app.described.push(...described)
  const handle = (c: Context<GatewayEnv>) => authorization.handle(c.req.raw)
  app.get(endpoints.authorize, onlyLooking, handle)
  app.get(`${endpoints.authorize}/:uid`, onlyLooking, handle)
  for (const path of [endpoints.token, endpoints.par, endpoints.deviceAuthorization, endpoints.revoke])
    app.post(path, withinLimit, handle)
  return app
}

/** Who asks for the head only, such as a link preview, begins and ends nothing (RFC 9110 section 9.2.1). */
const onlyLooking: MiddlewareHandler = async (c, next) => (c.req.method === 'HEAD' ? c.body(null, 200) : next())

const tooLarge = { error: 'invalid_request', error_description: 'the body is over 16 KB' }
const withinLimit: MiddlewareHandler = bodyLimit({
  maxSize: maxBodyBytes,
  onError: c => c.json(tooLarge, 413, { 'cache-control': 'no-store' }),
})
