import type { Context, MiddlewareHandler } from 'hono'
import * as z from 'zod'
import type { Key } from '../../schemas/table.ts'
import { sha256 } from './canonical.ts'
import { epochSeconds, systemNow } from './clock.ts'
import { systemRandom } from './ids.ts'
import { Refusal } from './refusal.ts'
import { type Condition, Conflict, passOverConflict, put, recordType, remove, type Table } from './table.ts'
import type { GatewayEnv } from './validate.ts'

const remembered = recordType(
  'idempotency',
  z.strictObject({
    fingerprint: z.string(),
    /** When the first request began, epoch seconds. */
    startedAt: z.int(),
    /** Tells requests apart that began within one second. */
    nonce: z.string().optional(),
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
 */
export const idempotent =
  ({ table }: { table: Table }): MiddlewareHandler<GatewayEnv> =>
  async (c, next) => {
    const key = keyOf(c)
    if (!key) return next()
    const body = Buffer.from(await c.req.arrayBuffer())
    const own = ownOf(c, body)
    const first = await claim(table, key, own, true)
    if (first)
      return new Response(first.body, { status: first.status, headers: { 'content-type': 'application/json' } })

    await next()
    const isDone = c.res.status >= 200 && c.res.status < 300
    await settle(table, key, own, isDone ? { status: c.res.status, body: await c.res.clone().text() } : undefined)
  }

/**
 * The same header, for a verb that itself gives the same content the same answer, which may be too large to be remembered
 * here: only another content under the same key is refused. The body need not be held: `content` names what it said.
 */
export async function underKey<T>(
  { table }: { table: Table },
  c: Context<GatewayEnv>,
  { content, work }: { content: string; work: () => Promise<T> },
): Promise<T> {
  const key = keyOf(c)
  if (!key) return work()
  const own = ownOf(c, content)
  await claim(table, key, own, false)
  try {
    const result = await work()
    // Done is done, whoever of those with the same content has the claim by now.
    await settle(table, key, own, { status: 200, body: '' }, { absentOr: { fingerprint: own.fingerprint } })
    return result
  } catch (error) {
    await settle(table, key, own, undefined)
    throw error
  }
}

function keyOf(c: Context<GatewayEnv>): Key | undefined {
  const given = c.req.header('idempotency-key')
  if (given === undefined) return undefined
  if (given.length < 1 || given.length > 255)
    throw new Refusal('invalid-request', 'Idempotency-Key must have 1 to 255 characters')
  return { pk: `IDEMPOTENCY#${c.get('caller')?.client}#${sha256(given)}`, sk: 'HEAD' }
}

const ownOf = (c: Context<GatewayEnv>, content: string | Uint8Array): Claim => ({
  fingerprint: sha256(Buffer.concat([Buffer.from(`${c.req.method} ${c.req.path}\n`), Buffer.from(content)])),
  startedAt: epochSeconds(systemNow()),
  nonce: Buffer.from(systemRandom(12)).toString('base64url'),
})

type Answer = { status: number; body: string }

/** Only what was done is remembered: a refusal may be mended and tried again under the same key. */
async function settle(
  table: Table,
  key: Key,
  own: Claim,
  answer?: Answer,
  when: Condition = stillThis(own),
): Promise<void> {
  const ttl = own.startedAt + keepSeconds
  await table
    .write(answer ? put(remembered, key, { ...own, answer }, { when, ttl }) : remove(key, when))
    // A request that took too long has lost its claim to a later one, which remembers its own answer.
    .catch(passOverConflict)
}

type Claim = { fingerprint: string; startedAt: number; nonce?: string | undefined }

const stillThis = ({ startedAt, nonce }: Claim): Condition => ({
  equals: { startedAt, ...(nonce !== undefined && { nonce }) },
})

/** Claims the key for this request, or answers what the first one got. */
async function claim(table: Table, key: Key, own: Claim, exclusive: boolean) {
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
  const when = before ? stillThis(before) : 'absent'
  await table.write(put(remembered, key, own, { when, ttl })).catch(error => {
    throw error instanceof Conflict ? inProgress() : error
  })
  return undefined
}

const inProgress = () => new Refusal('request-in-progress', undefined, { headers: { 'retry-after': '2' } })
