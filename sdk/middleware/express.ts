import type { VerifiedEntitlements } from '../entitlements.ts'
import { authorize, guardOptions, type MiddlewareOptions, tokenOf } from './core.ts'

// Express's own place for what middleware adds to a request; an ambient namespace is the only way into it.
declare global {
  namespace Express {
    interface Request {
      /** Set by the partner kit's middleware, on the routes behind it. */
      entitled?: VerifiedEntitlements
    }
  }
}

/** The part of Express's request that the middleware uses. */
export interface ExpressRequest {
  readonly headers: { readonly authorization?: string | undefined }
  entitled?: VerifiedEntitlements
}

/** The part of Express's response that the middleware uses. */
export interface ExpressResponse {
  status(code: number): unknown
  set(fields: Record<string, string>): unknown
  end(body: string): unknown
}

/**
 * Express middleware: lets a request through with `req.entitled` set, or answers it with a problem. Faults of the set-up
 * go to `next(error)`.
 */
export function entitlements<Request extends ExpressRequest>(given: MiddlewareOptions<Request>) {
  const options = guardOptions(given)
  return async (req: Request, res: ExpressResponse, next: (error?: unknown) => void): Promise<void> => {
    try {
      const decision = await authorize(options, await tokenOf(options, req, req.headers.authorization))
      if (decision.status !== 200) {
        res.status(decision.status)
        res.set(decision.headers)
        res.end(JSON.stringify(decision.problem))
        return
      }
      req.entitled = decision.entitled
    } catch (error) {
      next(error)
      return
    }
    // Outside the try: what a later handler throws is not this middleware's to report a second time.
    next()
  }
}
