import { z } from '@hono/zod-openapi'
import { BatchReceipt, UsageEvent } from '../../schemas/usage.ts'
import { underKey } from '../kernel/idempotency.ts'
import { Refusal } from '../kernel/refusal.ts'
import { type App, json, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import { type ByteStream, type ContentCoding, piecesOf } from './body.ts'
import type { UsageMediaType } from './parse.ts'
import { readBatch } from './read-batch.ts'
import { batchIdOf, type ReceiveNeeds, storeBatch } from './receive.ts'

const count = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})$/, 'a whole number')
  .transform(Number)

const headers = z.object({
  'content-digest': z.string().max(1000).optional().openapi({
    description: 'RFC 9530, sha-256 or sha-512, of the body as it is sent: of the gzip if it is compressed',
  }),
  'tessera-control-count': count.optional().openapi({ type: 'string', description: 'Lines of the batch' }),
  'tessera-control-quantity': count.optional().openapi({ type: 'string', description: 'Sum of the quantities' }),
})

/**
 * Described here and read by hand: a wrong line must not refuse the batch, as a validated body would. NDJSON is not
 * validated by the router, whose schema is that of each line; the JSON form has a schema that the router only shows.
 */
const body = {
  required: true as const,
  description:
    'At most 5 MB after decoding. Above 4.4 MB send gzip: where the gateway runs on AWS, Lambda takes no larger body as it is.',
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
      summary: 'Report usage: up to 10,000 events, stored whole or not at all, as they are or as gzip',
      tag: 'partner',
      scopes: ['usage:write'],
      request: { headers, body },
      responses: { 202: json(BatchReceipt, 'Stored; malformed lines are listed'), default: problemAnswer },
    }),
    async c => {
      const partner = partnerOf(c, 'only a partner reports usage')
      const totals = c.req.valid('header')
      const read = await readBatch({
        mediaType: mediaTypeOf(c.req.raw.headers),
        coding: codingOf(c.req.raw.headers),
        body: await bodyOf(c.req.raw, () => c.req.arrayBuffer()),
        contentDigest: totals['content-digest'],
        controlCount: totals['tessera-control-count'],
        controlQuantity: totals['tessera-control-quantity'],
      })
      const content = batchIdOf(partner, read)
      return c.json(await underKey(needs, c, { content, work: () => storeBatch(needs, partner, read) }), 202)
    },
  )

function mediaTypeOf(received: Headers): UsageMediaType {
  const [type = ''] = (received.get('content-type') ?? '').split(';')
  const mediaType = type.trim().toLowerCase()
  if (mediaType !== 'application/x-ndjson' && mediaType !== 'application/json')
    throw new Refusal('unsupported-media-type', 'send application/x-ndjson or application/json')
  return mediaType
}

/** `x-gzip` is another name of gzip, and names of codings have no case (RFC 9110 §8.4.1). */
function codingOf(received: Headers): ContentCoding {
  const coding = received.get('content-encoding')?.trim().toLowerCase() ?? ''
  if (coding === 'gzip' || coding === 'x-gzip') return 'gzip'
  if (coding === '' || coding === 'identity') return 'identity'
  // What would be understood is told as RFC 9110 §15.5.16 asks for.
  throw new Refusal('unsupported-media-type', `the content coding ${coding.slice(0, 40)} is not supported; use gzip`, {
    headers: { 'accept-encoding': 'gzip' },
  })
}

/** The body as it arrives. */
async function bodyOf(request: Request, kept: () => Promise<ArrayBuffer>): Promise<ByteStream> {
  // A middleware may have read it already; Hono keeps what it read.
  return request.bodyUsed || !request.body ? piecesOf(new Uint8Array(await kept())) : request.body
}
