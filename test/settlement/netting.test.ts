import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, genesisHash } from '../../functions/kernel/canonical.ts'
import { computeStatements } from '../../functions/settlement/compute.ts'
import { changesOf, paymentBlockOf, transfersOf } from '../../functions/settlement/ledger.ts'
import { net, positionsOf } from '../../functions/settlement/netting.ts'
import type { Contract } from '../../schemas/contract.ts'
import { ConfirmedPayment, type NetPayment } from '../../schemas/payment.ts'
import type { Period } from '../../schemas/primitives.ts'
import { NettedOutput, type Standing, type Statement } from '../../schemas/settlement.ts'
import { feeOf } from './payments-world.ts'
import { contractOf, october, totalOf } from './terms.ts'

const operator = 'alibaba'
const draft = (contracts: Contract[], standings: Standing[] = [], period = october, totals = [totalOf()]) =>
  computeStatements({
    programme: { id: '88vip', firstPeriod: '2026-01' as Period },
    period,
    contracts,
    totals,
    accepted: [],
    past: { standings, billed: [], formerContracts: new Map() },
  })
const netting = (contracts: Contract[], standings: Standing[] = [], period = october) => {
  const statements = draft(contracts, standings, period)
  return { statements, ...net(statements, contracts, standings, operator) }
}
const brief = (payments: NetPayment[]) =>
  payments.map(({ from, to, currency, grossMinor, netMinor, carried }) =>
    [from, '→', to, grossMinor, netMinor, currency, ...(carried ? ['carried'] : [])].join(' '),
  )
const multilateral = { netting: 'multilateral' } as const

describe('multilateral netting', () => {
  test('one payment a brand, from or to the operator', () => {
    // youku owes 50 + 20 and is owed 100; eleme owes 0 and is owed 50; fliggy owes 30 and is owed 20.
    const contracts = [
      feeOf('alibaba', 'youku', '1.00', multilateral),
      feeOf('youku', 'eleme', '0.50', multilateral),
      feeOf('youku', 'fliggy', '0.20', multilateral),
      feeOf('fliggy', 'alibaba', '0.30', multilateral),
    ]
    const { payments, statements } = netting(contracts)
    expect(brief(payments)).toEqual([
      'alibaba → eleme 50 50 EUR',
      'fliggy → alibaba 30 10 EUR',
      'alibaba → youku 100 30 EUR',
    ])
    expect(new Set(payments.map(({ agreement }) => agreement))).toEqual(new Set(['multilateral']))
    expect(positionsOf(statements)).toEqual([
      { brand: 'alibaba', currency: 'EUR', owesMinor: 100, owedMinor: 30, netMinor: -70 },
      { brand: 'eleme', currency: 'EUR', owesMinor: 0, owedMinor: 50, netMinor: 50 },
      { brand: 'fliggy', currency: 'EUR', owesMinor: 30, owedMinor: 20, netMinor: -10 },
      { brand: 'youku', currency: 'EUR', owesMinor: 70, owedMinor: 100, netMinor: 30 },
    ])
  })

  test('one brand that did not agree keeps its currency bilateral, and no other currency', () => {
    const contracts = [
      feeOf('youku', 'eleme', '0.50', multilateral),
      feeOf('fliggy', 'alibaba', '0.30'),
      feeOf('youku', 'eleme', '7', { ...multilateral, currency: 'JPY' }),
    ]
    expect(brief(netting(contracts).payments)).toEqual([
      'alibaba → eleme 7 7 JPY',
      'fliggy → alibaba 30 30 EUR',
      'youku → alibaba 7 7 JPY',
      'youku → eleme 50 50 EUR',
    ])
  })

  test('a contract that is over, or not yet begun, has no say', () => {
    const contracts = [
      feeOf('youku', 'eleme', '0.50', multilateral),
      feeOf('youku', 'fliggy', '9', { validTo: '2026-09-30' as Contract['validFrom'] }),
      feeOf('fliggy', 'alibaba', '9', { validFrom: '2026-11-01' as Contract['validFrom'] }),
    ]
    expect(brief(netting(contracts).payments)).toEqual(['alibaba → eleme 50 50 EUR', 'youku → alibaba 50 50 EUR'])
  })

  test('a contract that is over has its say while a line of it is billed', () => {
    const past = { validTo: '2026-09-30' as Contract['validFrom'] }
    const uses = (more: Partial<Contract>) =>
      contractOf({
        ...more,
        ...past,
        currency: 'EUR',
        lines: [{ id: 'use', benefit: 'youku-vip', model: 'per-use', unitPrice: '0.01' }],
      })
    const billed = (former: Contract) => {
      const contracts = [feeOf('youku', 'eleme', '0.50', multilateral), former]
      const late = totalOf({ contract: former.id, originPeriod: '2026-09' as Period, quantity: 100 })
      const statements = draft(contracts, [], october, [late])
      expect(statements.flatMap(({ lines }) => lines.map(({ contract }) => contract))).toContain(former.id)
      return new Set(net(statements, contracts, [], operator).payments.map(({ agreement }) => agreement))
    }
    expect([...billed(uses({}))]).toEqual(['bilateral'])
    expect([...billed(uses(multilateral))]).toEqual(['multilateral'])
  })

  test('what is below the threshold opens the next statement of the brand with the operator', () => {
    const terms = { ...multilateral, paymentThreshold: '1' }
    const contracts = [feeOf('youku', 'eleme', '0.60', terms)]
    const first = netting(contracts, [], '2026-09' as Period)
    expect(brief(first.payments)).toEqual(['alibaba → eleme 60 60 EUR carried', 'youku → alibaba 60 60 EUR carried'])
    expect(first.standings.map(({ debtor, creditor, openingMinor }) => [debtor, creditor, openingMinor])).toEqual([
      ['alibaba', 'eleme', 60],
      ['youku', 'alibaba', 60],
      ['youku', 'eleme', 0],
    ])
    const second = netting(contracts, first.standings)
    const opening = second.statements.find(({ debtor, creditor }) => debtor === 'youku' && creditor === 'alibaba')
    expect(opening).toMatchObject({ openingMinor: 60, lines: [], totalMinor: 60, previousHash: genesisHash })
    expect(brief(second.payments)).toEqual(['alibaba → eleme 120 120 EUR', 'youku → alibaba 120 120 EUR'])
    expect(second.standings.every(({ openingMinor }) => openingMinor === 0)).toBe(true)
  })

  test('each brand has the smallest threshold of its own contracts', () => {
    const contracts = [
      feeOf('youku', 'eleme', '0.60', { ...multilateral, paymentThreshold: '1' }),
      feeOf('youku', 'fliggy', '0.10', { ...multilateral, paymentThreshold: '0.50' }),
    ]
    expect(brief(netting(contracts).payments)).toEqual([
      'alibaba → eleme 60 60 EUR carried',
      'alibaba → fliggy 10 10 EUR carried',
      'youku → alibaba 70 70 EUR',
    ])
  })

  test('a brand that funds another’s line pays through the operator, too', () => {
    const fundedBy = [
      { brand: 'alibaba', share: '0.6' },
      { brand: 'fliggy', share: '0.4' },
    ]
    const contract = contractOf({
      ...multilateral,
      lines: [{ id: 'use', benefit: 'youku-vip', model: 'per-use', unitPrice: '0.01', fundedBy }],
    })
    const statements = draft([contract], [], october, [totalOf({ quantity: 100 })])
    expect(brief(net(statements, [contract], [], operator).payments)).toEqual([
      'fliggy → alibaba 40 40 CNY',
      'alibaba → youku 100 100 CNY',
    ])
  })
})

const brands = ['alibaba', 'eleme', 'fliggy', 'xiami', 'youku']
/** Three months of fees and credits between random brands; each currency may agree to multilateral netting in any month. */
const months = fc
  .array(
    fc.record({
      pair: fc.shuffledSubarray(brands, { minLength: 3, maxLength: 3 }),
      currency: fc.constantFrom('EUR', 'JPY', 'KWD'),
      paymentThreshold: fc.constantFrom(undefined, '0.5', '3', '50'),
      taxRate: fc.constantFrom('0', '0.06'),
      quantities: fc.array(fc.integer({ min: -300, max: 3000 }), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 7 },
  )
  .chain(terms =>
    fc.record({
      terms: fc.constant(terms),
      agreed: fc.array(fc.subarray(['EUR', 'JPY', 'KWD']), { minLength: 3, maxLength: 3 }),
    }),
  )
  .map(({ terms, agreed }) => {
    let standings: Standing[] = []
    return agreed.map((currencies, index) => {
      const period = `2026-0${index + 1}` as Period
      const contracts = terms.map(
        ({ pair: [payer = '', payee = '', funder = ''], paymentThreshold, ...rest }, number) =>
          contractOf({
            id: `c${number}`,
            payer,
            payee,
            currency: rest.currency,
            taxRate: rest.taxRate,
            ...(paymentThreshold !== undefined && { paymentThreshold }),
            netting: currencies.includes(rest.currency) ? 'multilateral' : 'bilateral',
            lines: [
              {
                id: 'use',
                benefit: 'youku-vip',
                model: 'per-use',
                unitPrice: '0.013',
                fundedBy: [
                  { brand: payer, share: '0.7' },
                  { brand: funder, share: '0.3' },
                ],
              },
            ],
          }),
      )
      const totals = terms.map(({ quantities }, number) =>
        totalOf({ contract: `c${number}`, quantity: quantities[index] ?? 0, originPeriod: period }),
      )
      const statements = draft(contracts, standings, period, totals)
      const before = standings
      const result = net(statements, contracts, before, operator)
      standings = result.standings
      return { period, contracts, statements, before, ...result }
    })
  })

const sumBy = (entries: [string, bigint][]) => {
  const sums = new Map<string, bigint>()
  for (const [key, amount] of entries) sums.set(key, (sums.get(key) ?? 0n) + amount)
  return new Map([...sums].filter(([, sum]) => sum !== 0n))
}
/** What a debt does to the two positions. */
const moved = (debtor: string, creditor: string, currency: string, amount: number | bigint): [string, bigint][] => [
  [`${debtor} ${currency}`, -BigInt(amount)],
  [`${creditor} ${currency}`, BigInt(amount)],
]

describe('properties of netting', () => {
  test('Σ net = 0 for each currency, and gross less gross is net for each brand', () => {
    fc.assert(
      fc.property(months, all => {
        for (const { statements } of all) {
          const positions = positionsOf(statements)
          expect([...sumBy(positions.map(({ currency, netMinor }) => [currency, BigInt(netMinor)])).keys()]).toEqual([])
          for (const { owesMinor, owedMinor, netMinor } of positions) expect(owedMinor - owesMinor).toBe(netMinor)
        }
      }),
    )
  })

  test('what is paid and what is carried moves each brand’s position as its statements did', () => {
    fc.assert(
      fc.property(months, all => {
        for (const { statements, payments, standings } of all) {
          const owed = sumBy(statements.flatMap(s => moved(s.debtor, s.creditor, s.currency, s.totalMinor)))
          const done = sumBy([
            ...payments.filter(p => !p.carried).flatMap(p => moved(p.from, p.to, p.currency, p.netMinor)),
            ...standings.flatMap(s => moved(s.debtor, s.creditor, s.currency, s.openingMinor)),
          ])
          expect([...done].sort()).toEqual([...owed].sort())
        }
      }),
    )
  })

  test('once every payment is confirmed, the ledger holds what is carried and nothing else', () => {
    fc.assert(
      fc.property(months, all => {
        const transfers = all.flatMap(({ period, statements, payments }) => [
          ...statements.flatMap(transfersOf),
          ...payments
            .filter(({ carried, netMinor }) => !carried && netMinor > 0)
            .map((payment, index) => {
              const confirmation = ConfirmedPayment.parse({
                paidOn: '2026-11-02',
                reference: 'r',
                amountMinor: payment.netMinor,
                confirmedAt: '2026-11-02T00:00:00Z',
                actor: 'finance',
              })
              const place = { programme: '88vip', period, number: index + 1, previousHash: genesisHash }
              return paymentBlockOf(place, payment, confirmation).transfer
            }),
        ])
        const balances = [...changesOf(transfers)].filter(([, amount]) => amount !== 0n)
        const carried = sumBy(
          (all.at(-1)?.standings ?? []).flatMap(s => moved(s.debtor, s.creditor, s.currency, s.openingMinor)),
        )
        expect(new Map(balances)).toEqual(
          new Map([...carried].map(([key, amount]) => [`position:${key.replace(' ', ':')}`, amount])),
        )
      }),
    )
  })

  test('multilateral: at most one payment a brand, and each with the operator', () => {
    fc.assert(
      fc.property(months, all => {
        for (const { payments } of all) {
          const through = payments.filter(({ agreement }) => agreement === 'multilateral')
          const others = through.map(({ from, to, currency }) => `${from === operator ? to : from} ${currency}`)
          expect(through.every(({ from, to }) => (from === operator) !== (to === operator))).toBe(true)
          expect(new Set(others).size).toBe(others.length)
        }
      }),
    )
  })

  test('payments have the shape that is stored, ids of their own and sizes that are not negative; order is no matter', () => {
    fc.assert(
      fc.property(months, fc.infiniteStream(fc.nat()), (all, keys) => {
        const shuffled = <T>(items: T[]) =>
          items
            .map(item => ({ item, key: keys.next().value ?? 0 }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ item }) => item)
        for (const { statements, contracts, before, payments, standings } of all) {
          NettedOutput.parse({ payments, standings })
          expect(payments.every(({ netMinor }) => netMinor >= 0)).toBe(true)
          expect(new Set(payments.map(({ id }) => id)).size).toBe(payments.length)
          const again = net(shuffled<Statement>(statements), shuffled(contracts), shuffled(before), operator)
          expect(canonicalJson(again)).toBe(canonicalJson({ payments, standings }))
        }
      }),
    )
  })
})
