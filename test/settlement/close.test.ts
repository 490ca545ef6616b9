import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { hashOf } from '../../functions/kernel/canonical.ts'
import { journal } from '../../functions/reports/journal.ts'
import { balances, transfersOfPeriod } from '../../functions/settlement/balances.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { closedPeriods, oldestOpenPeriod } from '../../functions/settlement/closed-periods.ts'
import { listPeriods, preview, viewPeriod } from '../../functions/settlement/periods.ts'
import { findStatement, findStatementToken, listStatements } from '../../functions/settlement/statements.ts'
import type { Day, Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { parseJournal } from '../reports/parse-journal.ts'
import {
  bytesOf,
  close,
  closingOf,
  newWorld,
  november,
  october,
  reportNovember,
  reportOctober,
  statementsOf,
} from './world.ts'

const brief = (statements: Statement[]) =>
  Object.fromEntries(
    statements.map(({ debtor, creditor, openingMinor, lines, subtotalMinor, taxMinor, totalMinor }) => [
      `${debtor} → ${creditor}`,
      {
        lines: Object.fromEntries(lines.map(line => [`${line.line} ${line.originPeriod}`, line.amountMinor])),
        amounts: [openingMinor, subtotalMinor, taxMinor, totalMinor],
      },
    ]),
  )

/** October by hand, in fen; domain.md "Contracts and rating". */
const octoberByHand = {
  'alibaba → youku': {
    // 2 members × 650; 3 × 5.5 + 2 × 3 = 22.5; 3 entitled × 10. Tax: 6 % of 1353 = 81.18.
    lines: { 'active 2026-10': 1300, 'views 2026-10': 23, 'entitled 2026-10': 30 },
    amounts: [0, 1353, 81, 1434],
  },
  'alibaba → eleme': {
    // 8 % of 4319 = 345.52; 60 % of 1000. Tax: 13 % of 946 = 122.98.
    lines: { 'share 2026-10': 346, 'fund 2026-10': 600 },
    amounts: [0, 946, 123, 1069],
  },
  'fliggy → eleme': { lines: { 'fund 2026-10': 300 }, amounts: [0, 300, 39, 339] },
  'youku → alibaba': { lines: { 'fee 2026-10': 300 }, amounts: [0, 300, 0, 300] },
}

describe('a close', () => {
  let world: Awaited<ReturnType<typeof newWorld>>
  let previewed: Statement[]

  beforeAll(async () => {
    world = await newWorld()
    await reportOctober(world)
  })

  test('is refused before the period is over, and outside the periods there are', async () => {
    await expect(requestClose(world, closingOf(october))).rejects.toMatchObject({ code: 'period-not-over' })
    await expect(requestClose(world, closingOf('2026-09' as Period))).rejects.toMatchObject({
      code: 'period-not-found',
    })
    await expect(viewPeriod(world, closingOf(november))).rejects.toMatchObject({ code: 'period-not-found' })
    world.moveTo('2026-10-31T15:59:59Z')
    await expect(requestClose(world, closingOf(october))).rejects.toMatchObject({ code: 'period-not-over' })
  })

  test('has a preview that writes nothing', async () => {
    const found = await preview(world, closingOf(october))
    expect(brief(found.statements)).toEqual(octoberByHand)
    expect(found.dispositions).toEqual({ matched: 5, duplicate: 1 })
    expect(found.totals).toEqual([{ currency: 'CNY', amountMinor: 1434 + 1069 + 339 + 300 }])
    expect(await statementsOf(world.table, october)).toEqual([])
    expect((await viewPeriod(world, closingOf(october))).state).toBe('open')
    previewed = found.statements
  })

  test('waits for the periods before it', async () => {
    world.moveTo('2026-12-01T00:00:00Z')
    await expect(requestClose(world, closingOf(november))).rejects.toMatchObject({ code: 'earlier-period-open' })
    world.moveTo('2026-10-31T16:00:00Z')
  })

  test('publishes what the preview showed', async () => {
    expect((await requestClose(world, closingOf(october))).state).toBe('cutoff')
    await expect(oldestOpenPeriod(world, { id: '88vip', firstPeriod: october })).resolves.toBe(november)
    expect((await runClose(world, closingOf(october))).state).toBe('published')
    const statements = await statementsOf(world.table, october)
    expect(brief(statements)).toEqual(octoberByHand)
    expect(statements).toEqual(previewed.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
    expect((await preview(world, closingOf(october))).statements).toEqual(previewed)
  })

  test('shows the period as published, with its identity', async () => {
    const { items } = await listPeriods(world, { programme: '88vip', limit: 10 })
    expect(items.map(({ period, state }) => [period, state])).toEqual([
      ['2026-10', 'published'],
      ['2026-11', 'open'],
    ])
    expect(items[0]).toMatchObject({ dispositions: { matched: 5, duplicate: 1 }, totals: [{ amountMinor: 3142 }] })
    expect(items[0]?.identity).toBe((await closedPeriods(world, '88vip'))[0]?.identity)
    expect(items[1]?.identity).toBeUndefined()
    const first = await listPeriods(world, { programme: '88vip', limit: 1 })
    expect(first.next).toBe('2026-10')
    expect((await listPeriods(world, { programme: '88vip', limit: 1, cursor: october })).items[0]?.period).toBe(
      '2026-11',
    )
  })

  test('signs each statement for its two parties', async () => {
    for (const statement of await statementsOf(world.table, october)) {
      const token = await findStatementToken(world, { caller: { brand: statement.creditor }, id: statement.id })
      expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'settlement-statement+jwt' })
      const { hash, ...unhashed } = statement
      expect(hash).toBe(hashOf(unhashed))
      expect(decodeJwt(token)).toMatchObject({ sub: statement.id, hash, aud: [statement.debtor, statement.creditor] })
    }
  })

  test('shows a statement to its parties and to nobody else', async () => {
    const [statement] = (await statementsOf(world.table, october)).filter(({ debtor }) => debtor === 'fliggy')
    const id = statement?.id ?? ''
    for (const brand of ['fliggy', 'eleme']) expect((await findStatement(world, { caller: { brand }, id })).id).toBe(id)
    for (const brand of ['alibaba', 'youku'])
      await expect(findStatement(world, { caller: { brand }, id })).rejects.toMatchObject({
        code: 'statement-not-found',
      })
    const listed = await listStatements(world, { caller: { brand: 'fliggy' }, limit: 10 })
    expect(listed.items.map(item => item.id)).toEqual([id])
  })

  test('lists by pages, and refuses a cursor that it did not give', async () => {
    const all = await listStatements(world, { caller: { brand: 'alibaba' }, limit: 10 })
    const ids: string[] = []
    let cursor: string | undefined
    do {
      const page = await listStatements(world, { caller: { brand: 'alibaba' }, period: october, limit: 1, cursor })
      ids.push(...page.items.map(({ id }) => id))
      cursor = page.next
    } while (cursor)
    expect(ids).toEqual(all.items.map(({ id }) => id))
    expect(ids.length).toBe(3)
    await expect(
      listStatements(world, { caller: { brand: 'alibaba' }, limit: 1, cursor: 'nonsense' }),
    ).rejects.toMatchObject({ code: 'invalid-request' })
  })

  test('posts a ledger whose positions and journal add up to zero', async () => {
    const held = await balances(world, '88vip')
    expect(Object.fromEntries(held.map(({ account, amountMinor }) => [account, amountMinor]))).toEqual({
      'position:alibaba:CNY': 300 - 1434 - 1069,
      'position:eleme:CNY': 1069 + 339,
      'position:fliggy:CNY': -339,
      'position:youku:CNY': 1434 - 300,
    })
    const text = journal(await transfersOfPeriod(world, closingOf(october)), '2026-10-31' as Day, '88vip 2026-10')
    const postings = parseJournal(text).flatMap(entry => entry.postings)
    expect(postings.reduce((sum, posting) => sum + posting.amount, 0n)).toBe(0n)
    const youku = postings.filter(({ account }) => account === 'position:youku:CNY')
    expect(youku.reduce((sum, posting) => sum + posting.amount, 0n)).toBe(1134n)
  })

  test('asked for again changes nothing and verifies', async () => {
    const before = await bytesOf(world.table, october)
    const record = await requestClose(world, closingOf(october))
    expect(await runClose(world, closingOf(october))).toEqual(record)
    // Asking is noted, so that the consumer verifies; nothing else changes.
    const { version, requests } = record
    expect(await requestClose(world, closingOf(october))).toMatchObject({
      ...record,
      version: version + 1,
      requests: requests + 1,
    })
    expect(await bytesOf(world.table, october)).toBe(before)
    expect((await balances(world, '88vip')).length).toBe(4)
  })

  test('bills what comes late in the next period, tagged with its origin, and chains', async () => {
    await reportNovember(world)
    world.moveTo('2026-12-01T00:00:00Z')
    await close(world, november)
    const statements = await statementsOf(world.table, november)
    expect(brief(statements)).toEqual({
      'alibaba → youku': {
        // October again, whole: 3 members, 6 uses = 25.5 fen; November: 1 member, 1 use, 3 entitled.
        lines: {
          'active 2026-10': 650,
          'views 2026-10': 3,
          'active 2026-11': 650,
          'views 2026-11': 6,
          'entitled 2026-11': 30,
        },
        amounts: [0, 1339, 80, 1419],
      },
      'alibaba → eleme': {
        lines: { 'share 2026-11': 0, 'fund 2026-11': 0, 'minimum-top-up 2026-11': 100 },
        amounts: [0, 100, 13, 113],
      },
      'fliggy → eleme': { lines: { 'fund 2026-11': 0 }, amounts: [0, 0, 0, 0] },
      'youku → alibaba': { lines: { 'fee 2026-11': 300 }, amounts: [0, 300, 0, 300] },
    })
    for (const statement of statements) {
      const before = (await statementsOf(world.table, october)).find(
        other => other.debtor === statement.debtor && other.creditor === statement.creditor,
      )
      expect(statement.previousHash).toBe(before?.hash)
    }
    await runClose(world, closingOf(november))
    await runClose(world, closingOf(october))
  })
})

describe('a preview while the month before is open', () => {
  test('holds the previewed month’s own events and nothing of the open one', async () => {
    const world = await newWorld()
    await reportOctober(world)
    await reportNovember(world)
    world.moveTo('2026-11-20T00:00:00Z')
    // y5 alone is November's; y4 is a late use of October, which October's own close will still bill.
    const ahead = await preview(world, closingOf(november))
    expect(ahead.dispositions).toEqual({ matched: 1 })
    expect(new Set(ahead.statements.flatMap(({ lines }) => lines.map(line => line.originPeriod)))).toEqual(
      new Set([november]),
    )
    const { items } = await listPeriods(world, { programme: '88vip', limit: 10 })
    expect(items.map(({ period, dispositions }) => [period, dispositions])).toEqual([
      [october, { matched: 6, duplicate: 1 }],
      [november, { matched: 1 }],
    ])
    await close(world, october)
    expect((await preview(world, closingOf(november))).statements.map(({ lines }) => lines)).toEqual(
      ahead.statements.map(({ lines }) => lines),
    )
  })
})
