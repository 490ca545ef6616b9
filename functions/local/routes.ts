import { z } from '@hono/zod-openapi'
import { Instant } from '../../schemas/primitives.ts'
import { Refusal } from '../kernel/refusal.ts'
import { type App, json, jsonBody, operation, problemAnswer, router } from '../kernel/validate.ts'
import type { MovableClock } from './clock.ts'

const Clock = z.strictObject({ now: Instant })

/**
 * `/test/clock`, only under `npm start`: moves the gateway's clock forward, so that a month can be lived through in a
 * minute. Whatever is due by then has happened before it answers.
 */
export const clockRoutes = ({ clock, catchUp }: { clock: MovableClock; catchUp: () => Promise<void> }): App =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: '/test/clock',
        summary: "The gateway's time",
        tag: 'sandbox',
        scopes: [],
        responses: { 200: json(Clock, 'The time'), default: problemAnswer },
      }),
      async c => c.json({ now: clock.now() }, 200),
    )
    .openapi(
      operation({
        method: 'post',
        path: '/test/clock',
        summary: "Move the gateway's time forward",
        tag: 'sandbox',
        scopes: [],
        request: { body: jsonBody(Clock) },
        responses: { 200: json(Clock, 'The time after the move'), default: problemAnswer },
      }),
      async c => {
        const { now } = c.req.valid('json')
        if (!clock.moveTo(now)) throw new Refusal('clock-backwards', `it is ${clock.now()} already`)
        await catchUp()
        return c.json({ now: clock.now() }, 200)
      },
    )
