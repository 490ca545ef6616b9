import type { MiddlewareHandler } from 'hono'
import type { GatewayEnv } from '../kernel/validate.ts'
import { backChannel } from './endpoints.ts'
import { invalidToken, type VerifyAccess } from './verify-access.ts'

/**
 * Reads the access token (RFC 6750 section 2.1, RFC 9449 section 7.1). Without one a request goes on without a caller: the
 * operation knows whether it needs one. The authorization server's own routes are left alone.
 */
export const bearer =
  (verify: VerifyAccess): MiddlewareHandler<GatewayEnv> =>
  async (c, next) => {
    const authorization = c.req.header('authorization')
    if (authorization !== undefined && !backChannel.includes(c.req.path)) {
      const [, scheme = '', token] = /^(bearer|dpop) +([^ ]+)$/i.exec(authorization) ?? []
      if (token === undefined) {
        const tried = /^dpop\b/i.test(authorization) ? 'DPoP' : 'Bearer'
        throw invalidToken('the Authorization header carries no Bearer or DPoP token', tried)
      }
      const { method, path } = c.req
      const proven = { proof: c.req.header('dpop'), method, path }
      c.set('caller', await verify(token, scheme.toLowerCase() === 'dpop' ? proven : undefined))
    }
    await next()
  }
