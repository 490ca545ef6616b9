import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalJson, genesisHash, hashOf } from '../../functions/kernel/canonical.ts'
import { computeStatements } from '../../functions/settlement/compute.ts'
import { blocksOf, changesOf, transfersOf } from '../../functions/settlement/ledger.ts'
import { net } from '../../functions/settlement/netting.ts'
import { totalsOf } from '../../functions/settlement/statement.ts'
import type { Contract } from '../../schemas/contract.ts'
import type { Period } from '../../schemas/primitives.ts'
import { Standing, Statement, type Transfer } from '../../schemas/settlement.ts'
import { contractOf, october, totalOf } from './terms.ts'

const views = { id: 'views', benefit: 'youku-vip', model: 'per-use', unitPrice: '0.01' }
const draft = (contracts: Contract[], totals = [totalOf()], standings: Standing[] = [], period = october) =>
  computeStatements({
    programme: { id: '88vip', firstPeriod: '2026-01' as Period },
    period,
    contracts,
    totals,
    accepted: [],
    past: { standings, billed: [], formerContracts: new Map() },
  })

describe('a statement', () => {
  test('adds up, chains and hashes itself', () => {
    const [statement] = draft([contractOf({ lines: [views], taxRate: '0.06' })], [totalOf({ quantity: 125 })])
    // Tax: 0.06 × 125 = 7.5, away from zero.
    expect(statement).toMatchObject({ subtotalMinor: 125, taxMinor: 8, totalMinor: 133, openingMinor: 0 })
    expect(statement?.previousHash).toBe(genesisHash)
    expect(Statement.parse(statement)).toEqual(statement)
    const { hash, ...unhashed } = statement as Statement
    expect(hash).toBe(hashOf(unhashed))
    expect(statement?.lines[0]).toEqual({
      id: 'youku-2026:views:2026-10',
      contract: 'youku-2026',
      line: 'views',
      model: 'per-use',
      benefit: 'youku-vip',
      originPeriod: '2026-10',
      quantity: 125,
      amountMinor: 125,
    })
  })

  test('rounds the tax of each contract by itself', () => {
    const contracts = ['a', 'b'].map(id => contractOf({ id, taxRate: '0.06', lines: [{ ...views, benefit: id }] }))
    const totals = ['a', 'b'].map(id => totalOf({ contract: id, benefit: id, quantity: 10 }))
    // 0.6 + 0.6 rounds to 2 by contract, 1.2 would round to 1.
    expect(draft(contracts, totals)[0]).toMatchObject({ subtotalMinor: 20, taxMinor: 2, totalMinor: 22 })
  })

  test('is made for every party of a valid contract, even if nothing is owed', () => {
    const fundedBy = [
      { brand: 'youku', share: '0.5' },
      { brand: 'zfunder', share: '0.5' },
    ]
    const statements = draft([contractOf({ lines: [{ ...views, fundedBy }] })])
    expect(statements.map(({ debtor, creditor, totalMinor }) => [debtor, creditor, totalMinor])).toEqual([
      ['alibaba', 'youku', 0],
      ['zfunder', 'youku', 0],
    ])
  })

  test('opens with the balance carried from before, even if no contract is valid any more', () => {
    const standing = Standing.parse({
      debtor: 'alibaba',
      creditor: 'youku',
      currency: 'CNY',
      hash: 'a'.repeat(64),
      openingMinor: -40,
    })
    const [statement, ...others] = draft([], [], [standing])
    expect(others).toEqual([])
    expect(statement).toMatchObject({ openingMinor: -40, lines: [], totalMinor: -40, previousHash: standing.hash })
    expect(totalsOf([statement as Statement])).toEqual([{ currency: 'CNY', amountMinor: 0 }])
  })
})

const parties = ['alibaba', 'eleme', 'fliggy', 'xiami', 'youku']
/** Months of usage under contracts between random brands, in both directions, with funding, tax and thresholds. */
const worlds = fc
  .array(
    fc.record({
      pair: fc.shuffledSubarray(parties, { minLength: 3, maxLength: 3 }),
      share: fc.integer({ min: 0, max: 100 }),
      taxRate: fc.constantFrom('0', '0.06', '0.13'),
      currency: fc.constantFrom('CNY', 'JPY', 'KWD'),
      paymentThreshold: fc.constantFrom('0', '3', '50'),
      minimum: fc.constantFrom('0', '2.5'),
      quantities: fc.array(fc.integer({ min: -50, max: 5000 }), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map(terms =>
    terms.map(({ pair: [payer = '', payee = '', third = ''], share, quantities, ...rest }, index) => ({
      quantities,
      contract: contractOf({
        ...rest,
        id: `c${index}`,
        payer,
        payee,
        lines: [
          { ...views, unitPrice: '0.0123' },
          {
            ...views,
            id: 'fund',
            fundedBy: [
              {
                brand: payer,
                share: `${share === 100 ? 1 : 0}.${share === 100 ? '00' : String(share).padStart(2, '0')}`,
              },
              {
                brand: third,
                share: `${share === 0 ? 1 : 0}.${share === 0 ? '00' : String(100 - share).padStart(2, '0')}`,
              },
            ],
          },
        ],
      }),
    })),
  )

function months(world: { contract: Contract; quantities: number[] }[]) {
  let standings: Standing[] = []
  return [0, 1, 2].map(index => {
    const period = `2026-0${index + 1}` as Period
    const contracts = world.map(({ contract }) => contract)
    const totals = world.map(({ contract, quantities }) =>
      totalOf({ contract: contract.id, quantity: quantities[index] ?? 0, originPeriod: period }),
    )
    const statements = draft(contracts, totals, standings, period)
    const netting = net(statements, contracts, standings, 'alibaba')
    standings = netting.standings
    return { period, contracts, totals, statements, ...netting }
  })
}

describe('properties of months of statements', () => {
  test('positions add up to zero at every prefix of the transfers, and to what the statements say', () => {
    fc.assert(
      fc.property(worlds, world => {
        const transfers: Transfer[] = []
        for (const { statements } of months(world)) transfers.push(...statements.flatMap(transfersOf))
        const positions = new Map<string, bigint>()
        for (const transfer of transfers) {
          for (const [account, change] of changesOf([transfer]))
            positions.set(account, (positions.get(account) ?? 0n) + change)
          expect([...positions.values()].reduce((sum, value) => sum + value, 0n)).toBe(0n)
        }
        const owed = new Map<string, bigint>()
        for (const { debtor, creditor, currency, subtotalMinor, taxMinor } of months(world).flatMap(
          m => m.statements,
        )) {
          for (const [brand, sign] of [
            [debtor, -1n],
            [creditor, 1n],
          ] as const) {
            const account = `position:${brand}:${currency}`
            owed.set(account, (owed.get(account) ?? 0n) + sign * BigInt(subtotalMinor + taxMinor))
          }
        }
        for (const [account, amount] of owed) expect(positions.get(account) ?? 0n).toBe(amount)
      }),
    )
  })

  test('what is paid and what is carried is what was billed, for each pair', () => {
    fc.assert(
      fc.property(worlds, world => {
        const all = months(world)
        const last = all.at(-1)?.standings ?? []
        const balance = new Map<string, number>()
        const owe = (from: string, to: string, currency: string, amount: number) => {
          const sign = from < to ? 1 : -1
          const key = [...[from, to].sort(), currency].join(' ')
          balance.set(key, (balance.get(key) ?? 0) + sign * amount)
        }
        for (const { statements, payments } of all) {
          for (const { debtor, creditor, currency, subtotalMinor, taxMinor } of statements)
            owe(debtor, creditor, currency, subtotalMinor + taxMinor)
          for (const { from, to, currency, netMinor, carried } of payments)
            if (!carried) owe(from, to, currency, -netMinor)
        }
        for (const { debtor, creditor, currency, openingMinor } of last) owe(debtor, creditor, currency, -openingMinor)
        expect([...balance.values()].filter(value => value !== 0)).toEqual([])
        for (const { payments } of all) for (const { netMinor } of payments) expect(netMinor).toBeGreaterThanOrEqual(0)
      }),
    )
  })

  test('the order of usage and contracts changes no byte', () => {
    fc.assert(
      fc.property(worlds, fc.infiniteStream(fc.nat()), (world, keys) => {
        const [month] = months(world)
        if (!month) throw new Error('no month')
        const shuffled = <T>(items: T[]) =>
          items
            .map(item => ({ item, key: keys.next().value ?? 0 }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ item }) => item)
        const again = draft(shuffled(month.contracts), shuffled(month.totals), [], month.period)
        expect(canonicalJson(again)).toBe(canonicalJson(month.statements))
      }),
    )
  })
})

describe('netting', () => {
  const both = (there: number, back: number, paymentThreshold?: string) => {
    const threshold = paymentThreshold === undefined ? {} : { paymentThreshold }
    const contracts = [
      contractOf({ id: 'there', lines: [views], ...threshold }),
      contractOf({ id: 'back', payer: 'youku', payee: 'alibaba', lines: [views], ...threshold }),
    ]
    const totals = [totalOf({ contract: 'there', quantity: there }), totalOf({ contract: 'back', quantity: back })]
    return net(draft(contracts, totals), contracts, [], 'alibaba')
  }

  test.each([
    [70, 30, undefined, ['alibaba', 'youku', 70, 40, false]],
    [30, 70, undefined, ['youku', 'alibaba', 70, 40, false]],
    [70, 30, '0.40', ['alibaba', 'youku', 70, 40, false]],
    [70, 30, '0.41', ['alibaba', 'youku', 70, 40, true]],
    [70, 70, '5', ['alibaba', 'youku', 70, 0, false]],
    [0, 0, '5', ['alibaba', 'youku', 0, 0, false]],
    [-10, 30, undefined, ['youku', 'alibaba', 30, 40, false]],
  ])('%i one way and %i the other, threshold %s', (there, back, threshold, expected) => {
    const { payments } = both(there, back, threshold)
    expect(
      payments.map(({ from, to, grossMinor, netMinor, carried }) => [from, to, grossMinor, netMinor, carried]),
    ).toEqual([expected])
  })

  test('carries both directions, so that the difference carries', () => {
    expect(both(70, 30, '1').standings.map(({ debtor, openingMinor }) => [debtor, openingMinor])).toEqual([
      ['alibaba', 70],
      ['youku', 30],
    ])
    expect(both(70, 30).standings.map(({ openingMinor }) => openingMinor)).toEqual([0, 0])
  })

  test('of two thresholds the smaller one holds, and a contract without one lets nobody wait', () => {
    const contracts = ['1', undefined].map((paymentThreshold, index) =>
      contractOf({
        id: `c${index}`,
        lines: [{ ...views, benefit: `b${index}` }],
        ...(paymentThreshold && { paymentThreshold }),
      }),
    )
    const statements = draft(contracts, [totalOf({ contract: 'c0', benefit: 'b0', quantity: 40 })])
    expect(net(statements, contracts, [], 'alibaba').payments[0]?.carried).toBe(false)
    expect(net(statements, contracts.slice(0, 1), [], 'alibaba').payments[0]?.carried).toBe(true)
  })
})

describe('the ledger', () => {
  test('a credit goes the other way, and nothing is not posted', () => {
    const lines = [views, { ...views, id: 'none', benefit: 'unused' }]
    const [statement] = draft([contractOf({ lines, taxRate: '0.1' })], [totalOf({ quantity: -50 })])
    expect(transfersOf(statement as Statement)).toEqual(
      [
        ['youku-2026:views:2026-10', 50],
        ['tax', 5],
      ].map(([line, amountMinor]) => ({
        id: `${statement?.id}/${line}`,
        statement: statement?.id,
        line,
        debit: 'position:youku:CNY',
        credit: 'position:alibaba:CNY',
        amountMinor,
        currency: 'CNY',
      })),
    )
  })

  test('a block fits one transaction, whatever accounts its transfers touch', () => {
    const transfer = (index: number, accounts: number) =>
      ({
        id: `${index}`,
        debit: `position:b${(2 * index) % accounts}:CNY`,
        credit: `position:b${(2 * index + 1) % accounts}:CNY`,
        amountMinor: 1,
      }) as Transfer
    fc.assert(
      fc.property(fc.nat(300), fc.integer({ min: 2, max: 400 }), (count, accounts) => {
        const transfers = Array.from({ length: count }, (_, index) => transfer(index, accounts))
        const blocks = blocksOf('88vip', october, transfers, genesisHash)
        expect(blocks.flatMap(block => block.transfers)).toEqual(transfers)
        let previousHash = genesisHash
        for (const [index, { block, transfers: own }] of blocks.entries()) {
          expect(1 + own.length + changesOf(own).size).toBeLessThanOrEqual(100)
          expect(own.length).toBeLessThanOrEqual(49)
          expect(block).toMatchObject({ number: index + 1, transfers: own.length, previousHash })
          previousHash = block.hash
        }
      }),
    )
  })
})
