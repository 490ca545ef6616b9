import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson } from '../../functions/kernel/canonical.ts'
import { computeStatements, type Past } from '../../functions/settlement/compute.ts'
import { changesOf, transfersOf } from '../../functions/settlement/ledger.ts'
import { net } from '../../functions/settlement/netting.ts'
import { rateContract } from '../../functions/settlement/rate.ts'
import type { Contract } from '../../schemas/contract.ts'
import type { UsageTotal } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { contracts, terms } from './properties-terms.ts'
import { totalOf } from './terms.ts'

const months = ['2026-10', '2026-11', '2026-12', '2027-01'] as Period[]
const [october, november] = months as [Period, Period]
const usage = fc.record({
  quantity: fc.integer({ min: 0, max: 5_000 }),
  amountMinor: fc.integer({ min: 0, max: 10_000_000 }),
  activeMembers: fc.integer({ min: 0, max: 60 }),
  entitledMembers: fc.integer({ min: 0, max: 90 }),
})
type Usage = typeof usage extends fc.Arbitrary<infer Value> ? Value : never
const noUsage: Usage = { quantity: 0, amountMinor: 0, activeMembers: 0, entitledMembers: 0 }

const totalsFor = (all: Contract[], used: Usage, originPeriod: Period): UsageTotal[] =>
  all.map(({ id }) => totalOf({ contract: id, ...used, originPeriod }))

/** Closes month after month what October has come to by then, and what each month itself has. */
function closes(all: Contract[], octobers: Usage[], own: Usage): Statement[][] {
  const past: Past = { standings: [], billed: [], formerContracts: new Map() }
  return octobers.map((used, index) => {
    const period = months[index] ?? november
    const totals = [...totalsFor(all, used, october), ...(index === 0 ? [] : totalsFor(all, own, period))]
    const programme = { id: '88vip', firstPeriod: october }
    const statements = computeStatements({ programme, period, contracts: all, totals, accepted: [], past })
    past.standings = net(statements, all, past.standings, 'alibaba').standings
    for (const { debtor, creditor, currency, lines } of statements)
      past.billed.push(
        ...lines.filter(line => line.originPeriod === october).map(line => ({ debtor, creditor, currency, line })),
      )
    past.formerContracts = new Map([[october, all]])
    return statements
  })
}
const sum = (amounts: Iterable<number | bigint>): bigint => {
  let total = 0n
  for (const amount of amounts) total += BigInt(amount)
  return total
}

describe('statements of any contracts and any sequence of late and reversed usage', () => {
  const story = fc.tuple(contracts, fc.array(usage, { minLength: 1, maxLength: 4 }), usage)

  test('conserve: lines and tax are the total less the opening, and transfers are the same once more', () => {
    fc.assert(
      fc.property(story, ([all, octobers, own]) => {
        for (const statements of closes(all, octobers, own)) {
          for (const one of statements) {
            expect(sum(one.lines.map(line => line.amountMinor))).toBe(BigInt(one.subtotalMinor))
            expect(one.totalMinor - one.openingMinor).toBe(one.subtotalMinor + one.taxMinor)
            const { debtor, creditor, currency } = one
            const change = changesOf(transfersOf(one))
            const moved = BigInt(one.subtotalMinor + one.taxMinor)
            expect(change.get(`position:${creditor}:${currency}`) ?? 0n).toBe(moved)
            expect(change.get(`position:${debtor}:${currency}`) ?? 0n).toBe(-moved)
          }
          expect(sum(changesOf(statements.flatMap(transfersOf)).values())).toBe(0n)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('net to nothing: what is paid and what is carried is what is owed, of each brand and of all', () => {
    fc.assert(
      fc.property(story, ([all, octobers, own]) => {
        let before: ReturnType<typeof net>['standings'] = []
        for (const statements of closes(all, octobers, own)) {
          const { payments, standings } = net(statements, all, before, 'alibaba')
          before = standings
          const positions = new Map<string, bigint>()
          const move = (brand: string, amount: bigint) => positions.set(brand, (positions.get(brand) ?? 0n) + amount)
          for (const { debtor, creditor, currency, totalMinor } of statements) {
            move(`${debtor} ${currency}`, -BigInt(totalMinor))
            move(`${creditor} ${currency}`, BigInt(totalMinor))
          }
          for (const { from, to, currency, netMinor, carried } of payments) {
            expect(netMinor).toBeGreaterThanOrEqual(0)
            if (carried) continue
            move(`${from} ${currency}`, BigInt(netMinor))
            move(`${to} ${currency}`, -BigInt(netMinor))
          }
          for (const { debtor, creditor, currency, openingMinor } of standings) {
            move(`${debtor} ${currency}`, BigInt(openingMinor))
            move(`${creditor} ${currency}`, -BigInt(openingMinor))
          }
          expect([...positions.values()].every(position => position === 0n)).toBe(true)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('delta after delta adds up to the whole, rated once: credits never exceed the invoice', () => {
    fc.assert(
      fc.property(contracts, fc.array(usage, { minLength: 2, maxLength: 4 }), (all, octobers) => {
        const billed = new Map<string, bigint>()
        for (const [index, statements] of closes(all, octobers, noUsage).entries()) {
          for (const { debtor, lines } of statements)
            for (const line of lines.filter(({ originPeriod }) => originPeriod === october)) {
              const key = `${line.contract} ${line.line} ${debtor}`
              billed.set(key, (billed.get(key) ?? 0n) + BigInt(line.amountMinor))
            }
          const once = all.flatMap(terms =>
            rateContract(terms, october, totalsFor([terms], octobers[index] ?? noUsage, october)),
          )
          const whole = new Map(once.map(line => [`${line.contract} ${line.line} ${line.debtor}`, line.amountMinor]))
          for (const key of new Set([...billed.keys(), ...whole.keys()]))
            expect([key, billed.get(key) ?? 0n]).toEqual([key, whole.get(key) ?? 0n])
          for (const [key, amount] of billed) if (!key.includes('maximum-cut')) expect(amount >= 0n).toBe(true)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('taking everything back nets to zero, every line and the tax', () => {
    fc.assert(
      fc.property(terms({ limits: false, flat: false }), usage, (contract, used) => {
        const [invoice = [], credit = []] = closes([contract], [used, noUsage], noUsage)
        for (const { debtor, creditor, currency, subtotalMinor, taxMinor, lines } of invoice) {
          const back = credit.find(
            one => one.debtor === debtor && one.creditor === creditor && one.currency === currency,
          )
          expect((back?.subtotalMinor ?? 0) + subtotalMinor).toBe(0)
          expect((back?.taxMinor ?? 0) + taxMinor).toBe(0)
          for (const line of lines) {
            const mirrored = back?.lines.filter(one => one.line === line.line && one.originPeriod === october) ?? []
            expect(sum(mirrored.map(one => one.amountMinor))).toBe(-BigInt(line.amountMinor))
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('are the same bytes in whichever order contracts and totals come', () => {
    fc.assert(
      fc.property(contracts, usage, fc.infiniteStream(fc.nat()), (all, used, keys) => {
        const shuffled = <T>(list: T[]) =>
          list
            .map(item => ({ item, key: keys.next().value ?? 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ item }) => item)
        const bytes = (terms: Contract[], totals: UsageTotal[]) =>
          canonicalJson(
            computeStatements({
              programme: { id: '88vip', firstPeriod: october },
              period: october,
              contracts: terms,
              totals,
              accepted: [],
              past: { standings: [], billed: [], formerContracts: new Map() },
            }),
          )
        const totals = totalsFor(all, used, october)
        expect(bytes(shuffled(all), shuffled(totals))).toBe(bytes(all, totals))
      }),
      { numRuns: 100 },
    )
  })
})
