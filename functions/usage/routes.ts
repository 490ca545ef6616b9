import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { BatchReceipt, UsageEvent, usageLimits } from '../../schemas/usage.ts'
import { idempotent } from '../kernel/idempotency.ts'
import { Refusal } from '../kernel/refusal.ts'
import { type App, json, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import type { UsageMediaType } from './parse.ts'
import { type ReceiveNeeds, receiveBatch } from './receive.ts'

const count = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})$/, 'a whole number')
  .transform(Number)

const headers = z.object({
  'content-digest': z.string().max(1000).optional().openapi({ description: 'RFC 9530, sha-256' }),
  'tessera-control-count': count.optional().openapi({ type: 'string', description: 'Lines of the batch' }),
  'tessera-control-quantity': count.optional().openapi({ type: 'string', description: 'Sum of the quantities' }),
})

/**
 * Described here and read by hand: a wrong line must not refuse the batch, as a validated body would. NDJSON is not
 * validated by the router, whose schema is that of each line; the JSON form has a schema that the router only shows.
 */
const body = {
  required: true as const,
  content: {
    'application/x-ndjson': { schema: UsageEvent },
    'application/json': {
      schema: {
        type: 'object' as const,
        required: ['events'],
        properties: { events: { type: 'array' as const, items: { $ref: '#/components/schemas/UsageEvent' } } },
        additionalProperties: false,
      },
    },
  },
}

export const usageRoutes = (needs: ReceiveNeeds): App =>
  router().openapi(
    operation({
      method: 'post',
      path: '/v1/usage-batches',
      summary: 'Report usage: up to 10,000 events, stored whole or not at all',
      tag: 'partner',
      scopes: ['usage:write'],
      middleware: [idempotent(needs, { replay: false })],
      request: { headers, body },
      responses: { 202: json(BatchReceipt, 'Stored; malformed lines are listed'), default: problemAnswer },
    }),
    async c => {
      const partner = partnerOf(c, 'only a partner reports usage')
      const mediaType = mediaTypeOf(c.req.raw.headers)
      const totals = c.req.valid('header')
      const receipt = await receiveBatch(needs, {
        partner,
        body: await bodyOf(c.req),
        mediaType,
        contentDigest: totals['content-digest'],
        controlCount: totals['tessera-control-count'],
        controlQuantity: totals['tessera-control-quantity'],
      })
      return c.json(receipt, 202)
    },
  )

function mediaTypeOf(received: Headers): UsageMediaType {
  const [type = ''] = (received.get('content-type') ?? '').split(';')
  const mediaType = type.trim().toLowerCase()
  if (mediaType !== 'application/x-ndjson' && mediaType !== 'application/json')
    throw new Refusal('unsupported-media-type', 'send application/x-ndjson or application/json')
  const coding = received.get('content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (coding !== 'identity' && coding !== '')
    throw new Refusal('unsupported-media-type', `the content coding ${coding.slice(0, 40)} is not supported`)
  return mediaType
}

/** The body's bytes, read no further than a batch may be long. */
async function bodyOf(sent: Pick<Context['req'], 'raw' | 'arrayBuffer'>): Promise<Uint8Array> {
  const { raw: request } = sent
  // A middleware that compares repeated requests has read it already; Hono keeps what it read.
  if (request.bodyUsed) return new Uint8Array(await sent.arrayBuffer())
  const tooLarge = () => new Refusal('body-too-large', `a batch has at most ${usageLimits.bytes} bytes; split it`)
  if (Number(request.headers.get('content-length') ?? 0) > usageLimits.bytes) throw tooLarge()
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of request.body ?? []) {
    length += part.byteLength
    if (length > usageLimits.bytes) throw tooLarge()
    parts.push(part)
  }
  return Buffer.concat(parts)
}
