import { Buffer } from 'node:buffer'
import type { VerifiedEntitlements } from '../entitlements.ts'
import { authorize, guardOptions, type MiddlewareOptions, tokenOf } from './core.ts'

/** What a request has after the plugin: `declare module 'fastify' { interface FastifyRequest extends EntitledRequest {} }`. */
export interface EntitledRequest {
  /** `null` outside the scope of the plugin. */
  entitled: VerifiedEntitlements | null
}

/** The part of Fastify's request that the plugin uses. */
export interface FastifyRequestPart {
  readonly headers: { readonly authorization?: string | undefined }
}

/** The part of Fastify's reply that the plugin uses. */
export interface FastifyReplyPart {
  code(status: number): unknown
  headers(fields: Record<string, string>): unknown
  send(body: Uint8Array): unknown
}

/** The part of a Fastify instance that the plugin uses. */
export interface FastifyScope<Request extends FastifyRequestPart> {
  hasRequestDecorator(name: string): boolean
  decorateRequest(name: 'entitled', value: null): unknown
  addHook(name: 'onRequest', hook: (request: Request, reply: FastifyReplyPart) => Promise<unknown>): unknown
}

/**
 * Fastify plugin: every route of the scope in which it is registered has `request.entitled`, or is answered with a
 * problem. Register it in a scope of its own to protect some routes only.
 */
export function entitlements<Request extends FastifyRequestPart = FastifyRequestPart>(
  given: MiddlewareOptions<Request>,
) {
  const options = guardOptions(given)
  const plugin = async (scope: FastifyScope<Request>): Promise<void> => {
    if (!scope.hasRequestDecorator('entitled')) scope.decorateRequest('entitled', null)
    scope.addHook('onRequest', async (request, reply) => {
      const decision = await authorize(options, await tokenOf(options, request, request.headers.authorization))
      if (decision.status === 200) {
        Object.assign(request, { entitled: decision.entitled })
        return undefined
      }
      reply.code(decision.status)
      reply.headers(decision.headers)
      // As bytes: to a string Fastify adds a charset, which JSON media types do not have (RFC 8259 section 11).
      return reply.send(Buffer.from(JSON.stringify(decision.problem)))
    })
  }
  // What fastify-plugin does: without it the hook would end with the plugin's own empty scope.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true })
}
