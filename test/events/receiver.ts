import { getRequestListener } from '@hono/node-server'
import { createEventVerifier, TokenRefused, type VerifiedEvents } from '../../sdk/index.ts'
import { serve, startSeconds } from './world.ts'

/** A partner that verifies what it is pushed with the kit, over real HTTP; the test may have it answer otherwise. */
export async function receiver(issuer: string, audience = 'youku') {
  const known = new Set<string>()
  const verifier = createEventVerifier({
    issuer,
    audience,
    // Events are dated by the business clock, which no test here moves far.
    now: () => startSeconds + 40 * 86_400,
    seen: id => known.has(id),
  })
  const state = {
    /** Instead of an answer of its own. */
    status: undefined as number | undefined,
    retryAfter: undefined as string | undefined,
    calls: [] as { type: string | null; token: string }[],
    events: [] as VerifiedEvents[],
    refused: [] as string[],
  }
  const address = await serve(
    getRequestListener(async request => {
      const token = await request.text()
      state.calls.push({ type: request.headers.get('content-type'), token })
      if (state.status !== undefined)
        return new Response(null, {
          status: state.status,
          headers: {
            location: `${new URL(request.url).origin}/other`,
            ...(state.retryAfter !== undefined && { 'retry-after': state.retryAfter }),
          },
        })
      try {
        const events = await verifier.verify(token)
        known.add(events.tokenId)
        state.events.push(events)
        return new Response(null, { status: 202 })
      } catch (error) {
        if (!(error instanceof TokenRefused)) throw error
        state.refused.push(error.code)
        if (error.code === 'event-replayed') return new Response(null, { status: 202 })
        return Response.json({ err: 'invalid_request', description: error.code }, { status: 400 })
      }
    }),
  )
  return Object.assign(state, { endpoint: `${address}/events` })
}
