import { beforeEach, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { finalsOf, finalsThrough, finalsWriter } from '../../functions/reconciliation/finals.ts'
import { livePeriodHistory } from '../../functions/reconciliation/history.ts'
import { type PeriodInputs, reconcilePeriod } from '../../functions/reconciliation/reconcile.ts'
import { reconciliationRoutes } from '../../functions/reconciliation/routes.ts'
import { cutUsage } from '../../functions/usage/cut.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Caller } from '../../schemas/client.ts'
import type { LineOutcome } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Period } from '../../schemas/primitives.ts'
import { sourceOf } from '../support/history-source.ts'
import { freshTable } from '../support/table.ts'
import { appOf, eleme, ndjson, receiveNeeds } from '../usage/support.ts'
import { contract, entitlement, entitlementId, entitlements, event, october, programme, reversal } from './support.ts'

const november = '2026-11' as Period
const people: Map<string, Entitlement> = entitlements(
  entitlement(1, { quota: { per: 'P1M', limit: 2, rollover: false } }),
  entitlement(2, { programme: 'other', benefit: 'other' }),
  entitlement(3, { partner: 'youku' }),
)
let table: Table
let closed: { period: Period; identity: string }[]
let receiving: ReturnType<typeof receiveNeeds>
beforeEach(async () => {
  ;({ table } = await freshTable())
  closed = []
  receiving = receiveNeeds(table)
})

const closedPeriods = async (id: string) => (id === '88vip' ? closed : [])
const identity = (digit: string) => digit.repeat(64)

async function report(receivedAt: string, ...events: (object | string)[]) {
  receiving.clock.at = receivedAt as typeof receiving.clock.at
  return receiveBatch(receiving.needs, { partner: 'eleme', body: ndjson(...events), mediaType: 'application/x-ndjson' })
}
async function inputsOf(period: Period): Promise<PeriodInputs> {
  const cuts = await cutUsage({ table }, { programme: '88vip', period, partners: ['eleme', 'youku'] })
  const history = livePeriodHistory(sourceOf(people.values()), ['eleme', 'youku'])
  return { programme, period, cuts, history, contracts: [contract()] }
}
async function reconciled(inputs: PeriodInputs) {
  const outcomes: LineOutcome[] = []
  const usage = await reconcilePeriod({ table, closedPeriods }, inputs, async some => void outcomes.push(...some))
  return { ...usage, outcomes }
}
async function storeFinals(to: Table, period: Period, name: string, outcomes: LineOutcome[]) {
  const finals = finalsWriter({ table: to }, { programme: '88vip', period, identity: name })
  await finals.add(outcomes)
  await finals.end()
}
async function close(period: Period, name: string) {
  const usage = await reconciled(await inputsOf(period))
  await storeFinals(table, period, name, usage.outcomes)
  closed.push({ period, identity: name })
  return usage
}

const views = (caller: () => Caller = () => eleme) =>
  appOf(
    reconciliationRoutes({
      table,
      closedPeriods,
      historySource: sourceOf(people.values()),
      entitlementsById: async (partner, ids) =>
        new Map(
          [...new Set(ids)].flatMap(id => {
            const found = people.get(id)
            return found?.partner === partner ? [[id, found] as const] : []
          }),
        ),
      capturedByIds: async () => [],
      contractsOf: async id => (id === '88vip' ? [contract()] : []),
      programmes: async () => ['88vip', 'other'].map(id => ({ ...programme, id })),
      closesOf: async () => [],
      now: () => receiving.clock.at,
      wallNow: () => receiving.clock.at,
    }),
    caller,
  )
const ask = async (path: string, caller?: () => Caller) => {
  const answer = await views(caller).request(`/v1/usage-batches/${path}`)
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

const firstBatch = [
  event('a', { occurredAt: '2026-10-01T00:00:00Z' }),
  event('a', { occurredAt: '2026-10-01T00:00:00Z' }),
  event('b', { occurredAt: '2026-10-03T00:00:00Z' }),
  event('c', { occurredAt: '2026-10-02T00:00:00Z' }),
  event('z', { entitlementId: entitlementId(3) }),
  event('o', { entitlementId: entitlementId(2), benefit: 'other' }),
  'x',
]

test('a month is closed, and a late event and a reversal are of the next one', async () => {
  const first = await report('2026-10-20T00:00:00Z', ...firstBatch)
  expect((await ask(first.id)).body).toMatchObject({
    lines: 7,
    dispositions: {
      matched: 2,
      duplicate: 1,
      'over-quota': 1,
      'unknown-entitlement': 1,
      'wrong-subject': 1,
      malformed: 1,
    },
  })
  const usage = await close(october, identity('a'))
  expect(usage.dispositions).toEqual({ matched: 2, duplicate: 1, 'over-quota': 1 })
  expect(usage.totals).toEqual([expect.objectContaining({ originPeriod: october, quantity: 2, activeMembers: 1 })])

  const late = event('late', { occurredAt: '2026-10-04T00:00:00Z' })
  const back = reversal('r', 'a', { occurredAt: '2026-10-03T12:00:00Z' })
  const second = await report('2026-11-20T00:00:00Z', late, back, event('n', { occurredAt: '2026-11-01T00:00:00Z' }))
  // Of what is final nothing changes, although the reversal made room for the event that was over.
  expect((await ask(`${first.id}/dispositions`)).body['items']).toEqual([
    { line: 1, id: 'a', disposition: 'matched', final: true },
    { line: 2, id: 'a', disposition: 'duplicate', final: true },
    { line: 3, id: 'b', disposition: 'over-quota', final: true },
    { line: 4, id: 'c', disposition: 'matched', final: true },
    { line: 5, id: 'z', disposition: 'unknown-entitlement', final: false },
    { line: 6, id: 'o', disposition: 'wrong-subject', final: false },
    { line: 7, disposition: 'malformed', final: false },
  ])
  expect((await ask(second.id)).body['dispositions']).toEqual({ matched: 3 })
  const next = await close(november, identity('b'))
  expect(
    next.outcomes.map(({ id, period, matched }) => [id, period, matched?.originPeriod, matched?.quantity]),
  ).toEqual([
    ['late', november, october, 1],
    ['r', november, october, -1],
    ['n', november, november, 1],
  ])
  expect(next.totals.map(({ originPeriod, quantity }) => [originPeriod, quantity])).toEqual([
    [october, 2],
    [november, 1],
  ])
})

test('a rerun gives the same, also after later batches and the next close', async () => {
  await report('2026-10-20T00:00:00Z', ...firstBatch)
  const inputs = await inputsOf(october)
  const usage = await close(october, identity('a'))
  await storeFinals(table, october, identity('a'), usage.outcomes)
  const stored = finalsOf({ table }, { programme: '88vip', period: october, identity: identity('a') })
  expect(await Array.fromAsync(stored)).toEqual(usage.outcomes)
  await report('2026-11-20T00:00:00Z', event('late', { occurredAt: '2026-09-30T00:00:00Z' }))
  await close(november, identity('b'))
  expect((await inputsOf(october)).cuts).toEqual(inputs.cuts)
  expect(await reconciled(inputs)).toEqual(usage)
  const through = await finalsThrough({ table, closedPeriods }, '88vip', 'eleme', november)
  expect(through).toEqual(usage.outcomes)
  expect(await finalsThrough({ table, closedPeriods }, '88vip')).toHaveLength(5)
  expect(await finalsThrough({ table, closedPeriods }, '88vip', 'youku')).toEqual([])
})

test('a crash while finals are stored changes nothing: they count when the close says so, and the rest is added', async () => {
  // Long ids: what is final takes more than one chunk.
  const idOf = (index: number) => `e${index}`.padEnd(120, '-')
  const events = Array.from({ length: 3000 }, (_, index) => event(idOf(index), { subject: 'nobody' }))
  const { id } = await report('2026-10-20T00:00:00Z', ...events)
  const usage = await reconciled(await inputsOf(october))
  let writes = 0
  const dying: Table = {
    ...table,
    write: async write => (++writes > 1 ? Promise.reject(new Error('killed')) : table.write(write)),
  }
  await expect(storeFinals(dying, october, identity('a'), usage.outcomes)).rejects.toThrow('killed')
  expect((await ask(`${id}/dispositions?limit=1`)).body['items']).toMatchObject([{ final: false }])
  await storeFinals(table, october, identity('a'), usage.outcomes)
  closed.push({ period: october, identity: identity('a') })
  expect(await finalsThrough({ table, closedPeriods }, '88vip')).toEqual(usage.outcomes)
})

test('dispositions are paged', async () => {
  const { id } = await report('2026-10-20T00:00:00Z', ...Array.from({ length: 250 }, (_, index) => event(`e${index}`)))
  const lines: number[] = []
  let cursor = ''
  do {
    const { body } = await ask(`${id}/dispositions?limit=100${cursor && `&cursor=${cursor}`}`)
    const { items, next = '' } = body as { items: { line: number }[]; next?: string }
    lines.push(...items.map(({ line }) => line))
    cursor = next
  } while (cursor)
  expect(lines).toEqual(Array.from({ length: 250 }, (_, index) => index + 1))
  expect((await ask(`${id}/dispositions`)).body['items']).toHaveLength(100)
})

test('what cannot be asked is refused', async () => {
  const { id } = await report('2026-10-20T00:00:00Z', event('a'))
  const refusal = async (path: string, caller?: () => Caller) => {
    const { status, body } = await ask(path, caller)
    return [status, body['code']]
  }
  expect(await refusal('bat_00000000000000000000000001')).toEqual([404, 'batch-not-found'])
  expect(await refusal('x/dispositions')).toEqual([404, 'batch-not-found'])
  expect(await refusal(id, () => ({ ...eleme, partner: 'youku' }))).toEqual([404, 'batch-not-found'])
  expect(await refusal(id, () => ({ client: 'alibaba', brand: 'alibaba', scopes: ['usage:write'] }))).toEqual([
    403,
    'not-yours',
  ])
  expect(await refusal(id, () => ({ ...eleme, scopes: [] }))).toEqual([403, 'insufficient-scope'])
  for (const query of [
    'limit=0',
    'limit=1001',
    'limit=x',
    'cursor=x',
    'cursor=bGluZSAx%0A',
    `cursor=${'a'.repeat(101)}`,
  ])
    expect(await refusal(`${id}/dispositions?${query}`), query).toEqual([400, 'invalid-request'])
})
