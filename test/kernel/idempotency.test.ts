import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { idempotent } from '../../functions/kernel/idempotency.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { answerProblem } from '../../functions/kernel/problem.ts'
import { Refusal } from '../../functions/kernel/refusal.ts'
import { Conflict, put, recordType } from '../../functions/kernel/table.ts'
import { router } from '../../functions/kernel/validate.ts'
import { freshTable } from '../support/table.ts'

/** A route that counts how often it was really worked on. */
async function counting() {
  const { table } = await freshTable()
  const sub = router()
  let made = 0
  let work: () => Promise<void> = async () => undefined
  sub.post('/things', idempotent({ table }), async c => {
    const body = await c.req.text()
    await work()
    made += 1
    return c.json({ made, body }, 201)
  })
  const app = router()
  app.use(async (c, next) => {
    c.set('caller', { client: c.req.header('x-client') ?? 'alibaba' } as never)
    await next()
  })
  app.onError(answerProblem(silentLog))
  app.route('/', sub)
  return {
    table,
    made: () => made,
    working: (next: () => Promise<void>) => {
      work = next
    },
    async post(key: string | undefined, body = '{}', client = 'alibaba') {
      const headers = { 'x-client': client, ...(key !== undefined && { 'idempotency-key': key }) }
      const answer = await app.request('/things', { method: 'POST', body, headers })
      return {
        status: answer.status,
        retry: answer.headers.get('retry-after'),
        body: (await answer.json()) as Record<string, unknown>,
      }
    },
  }
}
const raw = recordType('idempotency', z.looseObject({}))
const claimOf = (key: string) => ({ pk: `IDEMPOTENCY#alibaba#${sha256(key)}`, sk: 'HEAD' })
const claim = (startedAt: number) => ({ fingerprint: sha256('POST /things\n{}'), startedAt })
const seconds = () => Math.floor(Date.now() / 1000)

describe('Idempotency-Key', () => {
  it('gives the first answer again for the same key and body', async () => {
    const app = await counting()
    const first = await app.post('k')
    expect(first).toMatchObject({ status: 201, body: { made: 1 } })
    expect(await app.post('k')).toEqual(first)
    expect(app.made()).toBe(1)
  })

  it('refuses another body under the same key', async () => {
    const app = await counting()
    await app.post('k')
    expect(await app.post('k', '{"a":1}')).toMatchObject({ status: 422, body: { code: 'idempotency-key-reused' } })
    expect(app.made()).toBe(1)
  })

  it("is each client's own, and nothing without it", async () => {
    const app = await counting()
    await app.post('k')
    expect(await app.post('k', '{}', 'tencent')).toMatchObject({ body: { made: 2 } })
    expect(await app.post(undefined)).toMatchObject({ body: { made: 3 } })
    expect(await app.post(undefined)).toMatchObject({ body: { made: 4 } })
  })

  it.each(['', 'x'.repeat(256)])('has a length: %#', async key => {
    expect(await (await counting()).post(key)).toMatchObject({ status: 400, body: { code: 'invalid-request' } })
  })

  it('lets one of many at once work, and the others wait or have its answer', async () => {
    const app = await counting()
    app.working(() => new Promise(done => setTimeout(done, 100)))
    const answers = await Promise.all(Array.from({ length: 8 }, () => app.post('k')))
    expect(app.made()).toBe(1)
    for (const { status, body, retry } of answers)
      if (status === 409) expect([body['code'], retry]).toEqual(['request-in-progress', '2'])
      else expect([status, body['made']]).toEqual([201, 1])
    expect(await app.post('k')).toMatchObject({ status: 201, body: { made: 1 } })
  })

  it.each([
    ['a refusal', new Refusal('price-mismatch'), 409, 'price-mismatch'],
    ['rivals without end', new Conflict([0]), 503, 'busy'],
    ['a bug', new TypeError('secret detail'), 500, 'internal-error'],
  ])('does not remember %s', async (_, error, status, code) => {
    const app = await counting()
    app.working(() => Promise.reject(error))
    const refused = await app.post('k')
    expect(refused).toMatchObject({ status, body: { code } })
    if (status === 500) expect(JSON.stringify(refused)).not.toContain('secret detail')
    app.working(async () => undefined)
    // What was refused may be mended under the same key.
    expect(await app.post('k', '{"mended":true}')).toMatchObject({ status: 201, body: { made: 1 } })
  })

  it('waits for a first request that may still be worked on', async () => {
    const app = await counting()
    await app.table.write(put(raw, claimOf('k'), claim(seconds() - 30)))
    expect(await app.post('k')).toMatchObject({ status: 409, retry: '2', body: { code: 'request-in-progress' } })
    expect(app.made()).toBe(0)
  })

  it('takes over from one that crashed, once for rivals at once', async () => {
    const app = await counting()
    await app.table.write(put(raw, claimOf('k'), claim(seconds() - 61)))
    app.working(() => new Promise(done => setTimeout(done, 50)))
    const answers = await Promise.all([app.post('k'), app.post('k'), app.post('k')])
    expect(app.made()).toBe(1)
    expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThan(0)
    expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([])
  })

  it('leaves the claim to the request that took over', async () => {
    const app = await counting()
    const later = { ...claim(seconds() + 61), answer: { status: 201, body: '{"made":"later"}' } }
    app.working(async () => {
      await app.table.write(put(raw, claimOf('k'), later))
      throw new Refusal('busy')
    })
    expect(await app.post('k')).toMatchObject({ status: 503 })
    expect(await app.post('k')).toMatchObject({ status: 201, body: { made: 'later' } })
  })

  it('forgets after a day, though the table may be late to', async () => {
    const app = await counting()
    const old = { ...claim(seconds() - 86_401), answer: { status: 201, body: '{"made":"old"}' } }
    await app.table.write(put(raw, claimOf('k'), old))
    expect(await app.post('k')).toMatchObject({ body: { made: 1 } })
  })
})
