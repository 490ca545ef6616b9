import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { UsageTotal } from '../../functions/reconciliation/reconcile.ts'
import { type BilledLine, isValidIn, linesToBill } from '../../functions/settlement/lines.ts'
import type { RatedLine } from '../../functions/settlement/rate.ts'
import type { Contract } from '../../schemas/contract.ts'
import { AcceptedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { contractOf, totalOf } from './terms.ts'

const terms = contractOf({
  lines: [
    { id: 'fee', model: 'flat', fee: '7' },
    { id: 'views', benefit: 'youku-vip', model: 'per-use', unitPrice: '0.333' },
    {
      id: 'fund',
      benefit: 'youku-vip',
      model: 'per-use',
      tiers: { mode: 'graduated', steps: [{ upTo: 5, unitPrice: '1' }, { unitPrice: '0.505' }] },
      fundedBy: [
        { brand: 'alibaba', share: '0.6' },
        { brand: 'zfunder', share: '0.4' },
      ],
    },
    { id: 'gold', benefit: 'youku-gold', model: 'revenue-share', share: '0.07' },
  ],
  minimum: '10',
  maximum: '60',
})

const added = { id: 'added', benefit: 'new', model: 'per-use', unitPrice: '1' }

/** What a close billed, as later closes read it. */
const asBilled = (lines: RatedLine[]): BilledLine[] =>
  lines.map(({ debtor, creditor, currency, position: _position, ...line }) => ({
    debtor,
    creditor,
    currency,
    line: {
      ...line,
      id: '',
      quantity: Number(line.quantity),
      amountMinor: Number(line.amountMinor),
      amountBaseMinor: line.amountBaseMinor === undefined ? undefined : Number(line.amountBaseMinor),
      members: line.members === undefined ? undefined : Number(line.members),
    } as BilledLine['line'],
  }))

const bill = (
  period: string,
  totals: UsageTotal[],
  billed: BilledLine[] = [],
  {
    contracts = [terms],
    former = [] as [string, Contract[]][],
    firstPeriod = '2026-10',
    accepted = [] as AcceptedUse[],
  } = {},
) =>
  linesToBill({
    period: period as Period,
    firstPeriod: firstPeriod as Period,
    contracts,
    totals,
    accepted,
    billed,
    formerContracts: new Map(former as [Period, Contract[]][]),
  })
const origin = (lines: RatedLine[], period: string) => lines.filter(line => line.originPeriod === period)
const brief = (lines: RatedLine[]) =>
  lines.map(({ line, debtor, quantity, amountMinor }) => [line, debtor, Number(quantity), Number(amountMinor)])

describe('the period itself', () => {
  test('shows every line of a valid contract, used or not, in the order of the contract', () => {
    expect(brief(bill('2026-10', [totalOf({ quantity: 10 })]))).toEqual([
      ['fee', 'alibaba', 0, 700],
      ['views', 'alibaba', 10, 333],
      ['fund', 'alibaba', 10, 452], // 5 + 2.525 = 7.525 → 753 fen; 451.8 and 301.2
      ['fund', 'zfunder', 10, 301],
      ['gold', 'alibaba', 0, 0],
    ])
  })
  test('a contract counts on any day of it', () => {
    const late = contractOf({ validFrom: '2026-10-31', lines: [{ id: 'fee', model: 'flat', fee: '1' }] } as never)
    expect(isValidIn(late, '2026-10' as Period)).toBe(true)
    expect(isValidIn(late, '2026-09' as Period)).toBe(false)
    expect(isValidIn({ ...late, validTo: '2026-11-01' as never }, '2026-11' as Period)).toBe(true)
    expect(bill('2026-09', [], [], { contracts: [late], firstPeriod: '2026-01' })).toEqual([])
  })
})

describe('late usage', () => {
  const octoberLines = asBilled(
    bill('2026-10', [totalOf({ quantity: 10 }), totalOf({ benefit: 'youku-gold', quantity: 1, amountMinor: 100 })]),
  )

  test('bills the difference to the whole, tagged with its origin', () => {
    const november = bill('2026-11', [totalOf({ quantity: 12 })], octoberLines)
    expect(brief(origin(november, '2026-10'))).toEqual([
      ['views', 'alibaba', 2, 67], // 12 × 33.3 = 399.6 → 400, less 333
      ['fund', 'alibaba', 2, 60], // 5 + 7 × 0.505 = 8.535 → 854: 512.4, 341.6; less 452 and 301
      ['fund', 'zfunder', 2, 41],
    ])
    expect(origin(november, '2026-11').map(line => line.line)).toContain('fee')
  })
  test('says nothing where nothing changed', () => {
    expect(origin(bill('2026-11', [totalOf({ quantity: 10 })], octoberLines), '2026-10')).toEqual([])
  })
  test('a reversal after the close is a credit', () => {
    const credit = origin(bill('2026-11', [totalOf({ quantity: 0 })], octoberLines), '2026-10')
    // What the payer still owes, 700 + 7, falls below the minimum of 1000.
    expect(brief(credit)).toEqual([
      ['views', 'alibaba', -10, -333],
      ['fund', 'alibaba', -10, -452],
      ['fund', 'zfunder', -10, -301],
      ['minimum-top-up', 'alibaba', 0, 293],
    ])
  })
  test('takes a top-up back as usage fills the minimum', () => {
    const small = asBilled(bill('2026-10', []))
    expect(
      brief(origin(small.length > 0 ? bill('2026-11', [totalOf({ quantity: 20 })], small) : [], '2026-10')),
    ).toEqual([
      ['views', 'alibaba', 20, 666],
      ['fund', 'alibaba', 20, 755], // 5 + 15 × 0.505 = 12.575 → 1258: 754.8, 503.2
      ['fund', 'zfunder', 20, 503],
      ['minimum-top-up', 'alibaba', 0, -300],
    ])
  })
  test('terms that were changed since do not re-price what was settled', () => {
    const dearer = contractOf({ lines: [{ id: 'views', benefit: 'youku-vip', model: 'per-use', unitPrice: '9' }] })
    const late = bill('2026-11', [totalOf({ quantity: 12 })], octoberLines, {
      contracts: [dearer],
      former: [['2026-10', [terms]]],
    })
    expect(brief(origin(late, '2026-10'))[0]).toEqual(['views', 'alibaba', 2, 67])
    expect(brief(origin(late, '2026-11'))).toEqual([['views', 'alibaba', 0, 0]])
  })
  test('a benefit that was added to the terms since, and not used then, leaves the former terms in force', () => {
    const wider = { ...terms, lines: [...terms.lines, ...contractOf({ lines: [added] }).lines], minimum: '999' }
    const totals = [totalOf({ quantity: 12 }), totalOf({ benefit: 'new', entitledMembers: 9 })]
    const late = bill('2026-11', totals, octoberLines, { contracts: [wider], former: [['2026-10', [terms]]] })
    expect(brief(origin(late, '2026-10')).map(([line]) => line)).toEqual(['views', 'fund', 'fund'])
  })
  test('bears the tax of the terms it was billed by, so that a use taken back takes its tax back', () => {
    const [was, is] = ['0.06', '0.13'].map(taxRate => ({ ...terms, taxRate }))
    const late = bill('2026-11', [totalOf({ quantity: 8 })], octoberLines, {
      contracts: is ? [is] : [],
      former: [['2026-10', was ? [was] : []]],
    })
    expect(new Set(origin(late, '2026-10').map(({ taxRate }) => taxRate))).toEqual(new Set(['0.06']))
    expect(new Set(origin(late, '2026-11').map(({ taxRate }) => taxRate))).toEqual(new Set(['0.13']))
  })
  test('a contract applied since for settled days is billed for them only if it was used in them', () => {
    const since = contractOf({ id: 'since', lines: [added, { id: 'fee', model: 'flat', fee: '1' }] })
    const late = (quantity: number) =>
      origin(
        bill('2026-11', [totalOf({ contract: 'since', benefit: 'new', quantity })], octoberLines, {
          contracts: [since],
        }),
        '2026-10',
      )
    expect(late(0)).toEqual([])
    expect(brief(late(2))).toEqual([
      ['added', 'alibaba', 2, 200],
      ['fee', 'alibaba', 0, 100],
    ])
  })
  test('before the first period there is no fee and no minimum to be due', () => {
    const late = bill('2026-10', [totalOf({ quantity: 1, originPeriod: '2026-09' })])
    expect(brief(origin(late, '2026-09')).map(([line]) => line)).toEqual(['views', 'fund', 'fund'])
  })

  test('delta after delta adds up to the whole, rated once', () => {
    const quantities = fc.array(fc.integer({ min: -20, max: 120 }), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(quantities, fc.array(fc.nat(100_000), { minLength: 8, maxLength: 8 }), (steps, amounts) => {
        const usage = (step: number) => [
          totalOf({ quantity: steps[step] ?? 0 }),
          // The other benefit changes in every second close only; in between, it stands as billed.
          ...(step % 2 === 0 ? [totalOf({ benefit: 'youku-gold', amountMinor: amounts[step] ?? 0 })] : []),
        ]
        const billed = asBilled(bill('2026-10', usage(0)))
        for (let step = 1; step < steps.length; step++)
          billed.push(...asBilled(origin(bill(`2027-0${step}`, usage(step), billed), '2026-10')))
        const last = steps.length - 1
        const gold = amounts[last - (last % 2)] ?? 0
        const whole = bill('2026-10', [
          totalOf({ quantity: steps[last] ?? 0 }),
          totalOf({ benefit: 'youku-gold', amountMinor: gold }),
        ])
        expect(sums(billed)).toEqual(sums(asBilled(whole)))
      }),
    )
  })
})

describe('adjustments', () => {
  const adjusted = (amountMinor: number, originPeriod = '2026-10', outcome: AcceptedUse['outcome'] = 'adjusted') =>
    AcceptedUse.parse({
      exception: 'exc_00000000000000000000000001',
      partner: 'youku',
      sequence: 1,
      line: 1,
      outcome,
      amountMinor,
      matched: {
        entitlement: 'ent_00000000000000000000000001',
        benefit: 'youku-vip',
        subject: 'sub_1',
        plan: 'annual',
        type: 'use',
        occurredAt: '2026-10-10T00:00:00Z',
        originPeriod,
        quantity: 2,
        day: '2026-10-10',
        contracts: ['youku-2026', 'zother-2026'],
      },
    })
  const ofAdjustments = (lines: RatedLine[]) =>
    lines
      .filter(({ model }) => model === 'adjustment')
      .map(({ line, debtor, creditor, originPeriod, quantity, amountMinor }) => [
        line,
        debtor,
        creditor,
        originPeriod,
        Number(quantity),
        Number(amountMinor),
      ])

  test('one line for each contract and origin period, whole from payer to payee', () => {
    const lines = bill('2026-11', [], [], {
      accepted: [adjusted(100), adjusted(23), adjusted(7, '2026-11'), adjusted(9, '2026-11', 'accepted')],
    })
    expect(ofAdjustments(lines)).toEqual([
      ['adjustment', 'alibaba', 'youku', '2026-10', 4, 123],
      ['adjustment', 'alibaba', 'youku', '2026-11', 2, 7],
    ])
  })

  test('stand outside minimum and maximum', () => {
    const without = bill('2026-10', [totalOf({ quantity: 10 })])
    const large = bill('2026-10', [totalOf({ quantity: 10 })], [], { accepted: [adjusted(1_000_000)] })
    expect(large.filter(({ model }) => model !== 'adjustment')).toEqual(without)
  })

  test('are neither taken off nor billed again by a later delta', () => {
    const first = bill('2026-10', [totalOf({ quantity: 10 })], [], { accepted: [adjusted(500)] })
    const plain = bill('2026-10', [totalOf({ quantity: 10 })])
    const later = (billed: RatedLine[]) => bill('2026-11', [totalOf({ quantity: 12 })], asBilled(billed))
    expect(later(first)).toEqual(later(plain))
    expect(ofAdjustments(later(first))).toEqual([])
  })

  test('no line of a contract takes the name', () => {
    expect(() =>
      contractOf({ lines: [{ id: 'adjustment', benefit: 'youku-vip', model: 'per-use', unitPrice: '1' }] }),
    ).toThrow('the name is reserved')
  })
})

function sums(billed: BilledLine[]): Record<string, number> {
  const sum: Record<string, number> = {}
  for (const { debtor, line } of billed) {
    const key = `${line.line} ${debtor}`
    sum[key] = (sum[key] ?? 0) + line.amountMinor
  }
  return Object.fromEntries(Object.entries(sum).filter(([, value]) => value !== 0))
}
