import type { MiddlewareHandler } from 'hono'
import * as z from 'zod'
import { sha256 } from './canonical.ts'
import { epochSeconds, systemNow } from './clock.ts'
import { Refusal } from './refusal.ts'
import { Conflict, passOverConflict, put, recordType, remove, type Table } from './table.ts'
import type { GatewayEnv } from './validate.ts'

const remembered = recordType(
  'idempotency',
  z.strictObject({
    fingerprint: z.string(),
    /** When the first request began, epoch seconds. */
    startedAt: z.int(),
    /** Absent while the first request is being worked on. */
    answer: z.strictObject({ status: z.int(), body: z.string() }).optional(),
  }),
)
/** How long an answer is remembered, and after which time an unfinished request counts as crashed. */
const keepSeconds = 86_400
const abandonedSeconds = 60

/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): the same key and body give the first answer again.
 * A crashed first request is worked on anew, which is safe because the verbs behind it are idempotent themselves.
 * @param options `replay: false` for a verb that itself gives the same bytes the same answer, which may be too large to
 *   be remembered here: only another body under the same key is refused
 */
export const idempotent =
  ({ table }: { table: Table }, { replay = true }: { replay?: boolean } = {}): MiddlewareHandler<GatewayEnv> =>
  async (c, next) => {
    const given = c.req.header('idempotency-key')
    if (given === undefined) return next()
    if (given.length < 1 || given.length > 255)
      throw new Refusal('invalid-request', 'Idempotency-Key must have 1 to 255 characters')
    const key = { pk: `IDEMPOTENCY#${c.get('caller')?.client}#${sha256(given)}`, sk: 'HEAD' }
    const body = Buffer.from(await c.req.arrayBuffer())
    const fingerprint = sha256(Buffer.concat([Buffer.from(`${c.req.method} ${c.req.path}\n`), body]))
    const startedAt = epochSeconds(systemNow())
    const first = await claim(table, key, { fingerprint, startedAt }, replay)
    if (first && replay)
      return new Response(first.body, { status: first.status, headers: { 'content-type': 'application/json' } })

    await next()
    // Only what was done is remembered: a refusal may be mended and tried again under the same key.
    const isDone = c.res.status >= 200 && c.res.status < 300
    const answer = { status: c.res.status, body: isDone && replay ? await c.res.clone().text() : '' }
    const own = { equals: { startedAt } }
    await table
      .write(
        isDone
          ? put(remembered, key, { fingerprint, startedAt, answer }, { when: own, ttl: startedAt + keepSeconds })
          : remove(key, own),
      )
      // A request that took too long has lost its claim to a later one, which remembers its own answer.
      .catch(passOverConflict)
  }

type Claim = { fingerprint: string; startedAt: number }

/** Claims the key for this request, or answers what the first one got. */
async function claim(table: Table, key: { pk: string; sk: string }, own: Claim, exclusive: boolean) {
  const ttl = own.startedAt + keepSeconds
  try {
    await table.write(put(remembered, key, own, { when: 'absent', ttl }))
    return undefined
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
  }
  const before = await table.get(remembered, key)
  const expired = before && before.startedAt + keepSeconds <= own.startedAt
  if (before && !expired) {
    if (before.fingerprint !== own.fingerprint) throw new Refusal('idempotency-key-reused')
    if (before.answer) return before.answer
    if (exclusive && before.startedAt + abandonedSeconds > own.startedAt) throw inProgress()
  }
  const when = before ? ({ equals: { startedAt: before.startedAt } } as const) : 'absent'
  await table.write(put(remembered, key, own, { when, ttl })).catch(error => {
    throw error instanceof Conflict ? inProgress() : error
  })
  return undefined
}

const inProgress = () => new Refusal('request-in-progress', undefined, { headers: { 'retry-after': '2' } })
