import type { VerifiedEntitlements } from '../entitlements.ts'
import { authorize, guardOptions, type MiddlewareOptions, tokenOf } from './core.ts'

/** What `c.var` has after the middleware: `new Hono<{ Variables: EntitledVariables }>()`. */
export interface EntitledVariables {
  entitled: VerifiedEntitlements
}

/** The part of Hono's context that the middleware uses. */
export interface HonoContext {
  readonly req: { readonly raw: Request }
  set(key: 'entitled', value: VerifiedEntitlements): void
}

/**
 * Hono middleware: lets a request through with `c.var.entitled` set, or answers it with a problem.
 * @param given `tokenFrom` is handed the web `Request`
 */
export function entitlements(given: MiddlewareOptions<Request>) {
  const options = guardOptions(given)
  return async (c: HonoContext, next: () => Promise<void>): Promise<Response | undefined> => {
    const { raw } = c.req
    const decision = await authorize(options, await tokenOf(options, raw, raw.headers.get('authorization')))
    if (decision.status !== 200) {
      return new Response(JSON.stringify(decision.problem), { status: decision.status, headers: decision.headers })
    }
    c.set('entitled', decision.entitled)
    await next()
    return undefined
  }
}
