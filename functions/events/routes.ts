import * as z from 'zod'
import { EventRefusal } from '../../schemas/event.ts'
import { Slug } from '../../schemas/primitives.ts'
import type { Services } from '../connect.ts'
import { guardedFetch } from '../kernel/outbound.ts'
import { Refusal } from '../kernel/refusal.ts'
import { type App, bodyWithin, json, operation, problemAnswer, router } from '../kernel/validate.ts'
import { partnerKeys } from './partner-keys.ts'
import { EventRefused } from './read-event.ts'
import { receiveEvent } from './receive-event.ts'

type Needs = Pick<Services, 'config' | 'table' | 'now' | 'wallNow' | 'newId' | 'random' | 'log'>

const mediaType = 'application/secevent+jwt'
const mostBytes = 16 * 1024
const limits = { timeoutMs: 5_000, maxBytes: 64 * 1024 }

const receive = operation({
  method: 'post',
  path: '/events/{partner}',
  summary: "Tell that a member's consent or account is gone: a security event token (RFC 8417), pushed (RFC 8935)",
  tag: 'partner',
  // The signature says who it is from.
  scopes: [],
  middleware: [bodyWithin(mostBytes, `an event has at most ${mostBytes} bytes`)],
  request: {
    params: z.object({ partner: Slug }),
    body: {
      required: true as const,
      description: "Signed with a key of the partner's OpenID issuer; iss is that issuer, aud our client id there",
      content: { [mediaType]: { schema: z.string() } },
    },
  },
  responses: {
    202: { description: 'Taken, also where it had been before or is about nobody known here; no body' },
    400: json(EventRefusal, 'Not taken. As RFC 8935 section 2.4 has it, and so no problem document'),
    503: { ...problemAnswer, description: "The issuer's keys cannot be had; send it again after Retry-After" },
    default: problemAnswer,
  },
})

/** Where partners push their security events. */
export function eventRoutes(services: Needs): App {
  const fetch = guardedFetch({ allowLoopback: services.config.ALLOW_LOOPBACK, ...limits })
  const needs = { ...services, partnerKeys: partnerKeys({ ...services, fetch }) }
  return router().openapi(receive, async c => {
    requireMediaType(c.req.raw.headers)
    const token = await c.req.text()
    if (token.length > mostBytes) throw new Refusal('body-too-large', `an event has at most ${mostBytes} bytes`)
    try {
      await receiveEvent(needs, { partner: c.req.valid('param').partner, token: token.trim() })
      return c.body(null, 202)
    } catch (error) {
      if (!(error instanceof EventRefused)) throw error
      return c.json(error.refusal, 400, { 'content-language': 'en' })
    }
  })
}

function requireMediaType(received: Headers): void {
  const [type = ''] = (received.get('content-type') ?? '').split(';')
  if (type.trim().toLowerCase() !== mediaType) throw new Refusal('unsupported-media-type', `send ${mediaType}`)
  const coding = received.get('content-encoding')?.trim().toLowerCase() ?? ''
  if (coding !== '' && coding !== 'identity')
    throw new Refusal('unsupported-media-type', 'a content coding is not supported')
}
