import { beforeAll, describe, expect, test } from 'vitest'
import { genesisHash } from '../../functions/kernel/canonical.ts'
import { answerProblem } from '../../functions/kernel/problem.ts'
import { put, recordType, remove } from '../../functions/kernel/table.ts'
import { type App, router } from '../../functions/kernel/validate.ts'
import { balances } from '../../functions/settlement/balances.ts'
import { runClose } from '../../functions/settlement/close.ts'
import { confirmPayment } from '../../functions/settlement/confirm.ts'
import { paymentBlockOf } from '../../functions/settlement/ledger.ts'
import { viewNetting } from '../../functions/settlement/netting-view.ts'
import { paymentRoutes } from '../../functions/settlement/payment-routes.ts'
import {
  chainItem,
  confirmationWrites,
  findPaymentChain,
  listPaymentBlocks,
  listPaymentTransfers,
} from '../../functions/settlement/payment-store.ts'
import { periodJournal } from '../../functions/settlement/payments-journal.ts'
import { block, listTransfers, transfer } from '../../functions/settlement/store.ts'
import { verifyPayments } from '../../functions/settlement/verify-payments.ts'
import { BrandDocument, BrandRecord } from '../../schemas/brand.ts'
import type { ConfirmedPayment, Payment } from '../../schemas/payment.ts'
import type { Day } from '../../schemas/primitives.ts'
import type { Problem } from '../../schemas/problem.ts'
import type { NettingView } from '../../schemas/settlement.ts'
import { parseJournal } from '../reports/parse-journal.ts'
import { accountOf, closedOctober, feeOf, register } from './payments-world.ts'
import { close, closingOf, newWorld, november, october, reportOctober } from './world.ts'

const path = '/v1/programmes/88vip/periods/2026-10'
const nobody = 'pay_00000000000000000000000000'
type Caller = { brand: string; scopes: string[] }
const alibaba: Caller = { brand: 'alibaba', scopes: ['finance:read', 'finance:write'] }
type World = Awaited<ReturnType<typeof newWorld>>

/** The routes over a world, asked as a caller whose token was checked already. */
function desk(world: World) {
  let caller: Caller | undefined
  const app: App = router()
  app.use(async (c, next) => {
    c.set('requestId', 'req_test')
    if (caller) c.set('caller', { client: caller.brand, ...caller } as never)
    await next()
  })
  app.onError(answerProblem(() => undefined))
  app.route('/', paymentRoutes(world))
  const ask = async (asked: string, by: Caller | undefined = alibaba, body?: unknown): Promise<Response> => {
    caller = by
    const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    return app.request(asked.startsWith('/') ? asked : `${path}/${asked}`, body === undefined ? {} : sent)
  }
  const read = async <T>(...asked: Parameters<typeof ask>) => {
    const answer = await ask(...asked)
    if (answer.status !== 200) throw new Error(await answer.text())
    return (await answer.json()) as T
  }
  const refused = async (...asked: Parameters<typeof ask>) => {
    const answer = await ask(...asked)
    const { code, detail, errors } = (await answer.json()) as Problem
    return { is: [answer.status, code], detail, pointers: errors?.map(({ pointer }) => pointer) }
  }
  return { ask, read, refused, anonymous: (asked: string, body?: unknown) => refusedWithout(app, asked, body) }

  async function refusedWithout(through: App, asked: string, body?: unknown) {
    caller = undefined
    const sent = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const answer = await through.request(`${path}/${asked}`, body === undefined ? {} : sent)
    return [answer.status, ((await answer.json()) as Problem).code]
  }
}

const confirmation = (amountMinor: number, more: object = {}) => ({
  paidOn: '2026-11-02',
  reference: 'bank-77',
  amountMinor,
  ...more,
})
const paid = confirmation(8000)

/** As another operator, whose contracts name the brand, would have registered it first. */
const strangersAccount = (id: string) =>
  put(
    recordType('brand', BrandRecord),
    { pk: `BRAND#${id}`, sk: 'jd' },
    {
      ...BrandDocument.parse({ id, name: id, settlementAccount: accountOf('fliggy') }),
      registrar: 'jd',
      client: 'jd',
      version: 1,
      appliedAt: '2026-10-01T00:00:00Z',
    },
  )

describe('an open period', () => {
  let world: World
  let asked: ReturnType<typeof desk>

  beforeAll(async () => {
    world = await newWorld()
    await reportOctober(world)
    asked = desk(world)
  })

  test('shows what a close would make of it', async () => {
    const view = await asked.read<NettingView>('netting')
    expect(view.state).toBe('open')
    expect(view.gross.map(({ debtor, creditor, amountMinor }) => [debtor, creditor, amountMinor])).toEqual([
      ['alibaba', 'eleme', 1069],
      ['alibaba', 'youku', 1434],
      ['fliggy', 'eleme', 339],
      ['youku', 'alibaba', 300],
    ])
    expect(
      view.brands.map(({ brand, owesMinor, owedMinor, netMinor }) => [brand, owesMinor, owedMinor, netMinor]),
    ).toEqual([
      ['alibaba', 2503, 300, -2203],
      ['eleme', 0, 1408, 1408],
      ['fliggy', 339, 0, -339],
      ['youku', 300, 1434, 1134],
    ])
    expect(view.payments.map(({ from, to, netMinor, state }) => [from, to, netMinor, state])).toEqual([
      ['alibaba', 'eleme', 1069, 'due'],
      ['alibaba', 'youku', 1134, 'due'],
      ['fliggy', 'eleme', 339, 'due'],
    ])
    world.moveTo('2026-11-01T00:00:00Z')
    await close(world, october)
    expect(await asked.read<NettingView>('netting')).toEqual({ ...view, state: 'published' })
  })

  test('pays nothing', async () => {
    const next = '/v1/programmes/88vip/periods/2026-11'
    expect((await asked.refused(`${next}/payments.xml`)).is).toEqual([409, 'period-not-closed'])
    expect((await asked.refused(`${next}/payments/${nobody}/confirm`, alibaba, paid)).is).toEqual([
      409,
      'period-not-closed',
    ])
    expect((await asked.refused('/v1/programmes/88vip/periods/2026-09/payments.xml')).is).toEqual([
      404,
      'period-not-found',
    ])
    expect((await asked.refused('/v1/programmes/88vip/periods/2027-01/netting')).is).toEqual([404, 'period-not-found'])
  })
})

describe('a closed period', () => {
  let world: Awaited<ReturnType<typeof closedOctober>>
  let asked: ReturnType<typeof desk>
  let payments: Map<string, Payment>
  const pay = (pair: string) => `payments/${payments.get(pair)?.id}/confirm`

  beforeAll(async () => {
    world = await closedOctober([
      feeOf('alibaba', 'youku', '100'),
      feeOf('youku', 'alibaba', '20'),
      feeOf('alibaba', 'eleme', '3', { paymentThreshold: '5' }),
      feeOf('alibaba', 'fliggy', '7'),
      feeOf('fliggy', 'alibaba', '7'),
      feeOf('xiami', 'eleme', '9'),
    ])
    asked = desk(world)
    const view = await asked.read<NettingView>('netting')
    payments = new Map(view.payments.map(payment => [`${payment.from} ${payment.to}`, payment]))
  })

  test.each([
    ['netting', undefined, 'finance:write'],
    ['payments.xml', undefined, 'finance:write'],
    [`payments/${nobody}/confirm`, paid, 'finance:read'],
  ])('%s is for the programme’s own brand with the scope', async (rest, body, lesser) => {
    expect(await asked.anonymous(rest, body)).toEqual([401, 'unauthenticated'])
    expect((await asked.refused(rest, { brand: 'alibaba', scopes: [lesser] }, body)).is).toEqual([
      403,
      'insufficient-scope',
    ])
    // Also for one that is paid by the programme.
    for (const brand of ['youku', 'jd'])
      expect((await asked.refused(rest, { ...alibaba, brand }, body)).is).toEqual([403, 'not-yours'])
  })

  test('payments stand where they stand', () => {
    expect([...payments].map(([pair, { state, netMinor }]) => [pair, state, netMinor])).toEqual([
      ['alibaba eleme', 'carried', 300],
      ['alibaba fliggy', 'settled', 0],
      ['alibaba youku', 'due', 8000],
      ['xiami eleme', 'due', 900],
    ])
  })

  test('a file names the brands without an account, and what to do', async () => {
    await register(world, 'alibaba')
    // A third brand's word about where youku is paid is not taken.
    await world.table.write(strangersAccount('youku'))
    const { is, detail, pointers } = await asked.refused('payments.xml')
    expect(is).toEqual([409, 'settlement-account-missing'])
    expect(detail).toContain('eleme, xiami, youku')
    expect(detail).toContain('PUT /v1/brands/')
    expect(pointers).toEqual(['/eleme', '/xiami', '/youku'])
    for (const brand of ['eleme', 'xiami']) await register(world, brand, accountOf('eleme'))
    expect((await asked.refused('payments.xml')).pointers).toEqual(['/youku'])
    await register(world, 'youku')
    // Of the chosen payments alone.
    expect((await asked.ask('payments.xml?debtor=xiami')).status).toBe(200)
    const answer = await asked.ask('payments.xml')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/xml; charset=utf-8'])
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="88vip-2026-10-payments.xml"')
    expect(await answer.text()).toContain('<NbOfTxs>2</NbOfTxs>')
  })

  test('a file of a currency or debtor of which nothing is due, or of another time, is refused', async () => {
    for (const nothing of ['currency=JPY', 'debtor=youku', 'debtor=nobody', 'debtor=xiami&currency=CNY'])
      expect((await asked.refused(`payments.xml?${nothing}`)).is).toEqual([409, 'payment-not-due'])
    expect((await asked.refused('payments.xml?debtor=Xiami')).is).toEqual([400, 'invalid-request'])
    expect((await asked.refused('payments.xml?executionDate=2027-11-03')).pointers).toEqual(['/executionDate'])
    expect((await asked.refused('payments.xml?currency=XYZ')).is).toEqual([400, 'invalid-request'])
    expect(await asked.refused('payments.xml?executionDate=2026-11-01')).toMatchObject({
      is: [400, 'invalid-request'],
      pointers: ['/executionDate'],
    })
  })

  test('what cannot be confirmed is refused, and nothing changes', async () => {
    const cases: [string, object, [number, string], string[]?][] = [
      [`payments/${nobody}/confirm`, paid, [404, 'payment-not-found']],
      ['payments/pay_1/confirm', paid, [400, 'invalid-request'], ['/id']],
      [pay('alibaba eleme'), confirmation(300), [409, 'payment-not-due']],
      [pay('alibaba fliggy'), confirmation(1), [409, 'payment-not-due']],
      [pay('alibaba youku'), confirmation(7999), [409, 'payment-mismatch']],
      [pay('alibaba youku'), confirmation(10_000), [409, 'payment-mismatch']],
      [pay('alibaba youku'), confirmation(0), [400, 'invalid-request'], ['/amountMinor']],
      [pay('alibaba youku'), confirmation(0.5), [400, 'invalid-request'], ['/amountMinor']],
      [pay('alibaba youku'), confirmation(8000, { paidOn: '2026-11-03' }), [400, 'invalid-request'], ['/paidOn']],
      // The last day of the month: nobody knew of the payment.
      [pay('alibaba youku'), confirmation(8000, { paidOn: '2026-10-31' }), [400, 'invalid-request'], ['/paidOn']],
      [pay('alibaba youku'), confirmation(8000, { paidOn: '2026-02-30' }), [400, 'invalid-request'], ['/paidOn']],
      [pay('alibaba youku'), confirmation(8000, { reference: ' ' }), [400, 'invalid-request'], ['/reference']],
      [pay('alibaba youku'), confirmation(8000, { reference: 'a\nb' }), [400, 'invalid-request'], ['/reference']],
      [pay('alibaba youku'), confirmation(8000, { paid: true }), [400, 'invalid-request'], ['/paid']],
    ]
    for (const [rest, body, is, pointers] of cases) {
      const refused = await asked.refused(rest, alibaba, body)
      expect([body, refused.is, refused.pointers]).toEqual([body, is, pointers])
    }
    expect(await findPaymentChain(world.table, '88vip')).toBeUndefined()
  })

  test('a confirmation is posted once, however often and by how many it is sent', async () => {
    const before = await balances(world, '88vip')
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => asked.read<Payment>(pay('alibaba youku'), alibaba, paid)),
    )
    const expected = {
      ...payments.get('alibaba youku'),
      state: 'paid',
      confirmation: { ...paid, confirmedAt: '2026-11-02T01:02:03Z', actor: 'alibaba' },
    }
    expect(answers).toEqual(answers.map(() => expected))
    world.moveTo('2026-11-04T00:00:00Z')
    expect(await asked.read<Payment>(pay('alibaba youku'), alibaba, paid)).toEqual(expected)
    const after = new Map((await balances(world, '88vip')).map(({ account, amountMinor }) => [account, amountMinor]))
    for (const { account, amountMinor } of before) {
      const change = account === 'position:alibaba:EUR' ? 8000 : account === 'position:youku:EUR' ? -8000 : 0
      expect([account, after.get(account)]).toEqual([account, Number(amountMinor) + change])
    }
    expect(after.get('position:youku:EUR')).toBe(0)
    const { payments: shown } = await asked.read<NettingView>('netting')
    expect(shown.find(({ id }) => id === expected.id)).toEqual(expected)
  })

  test('another confirmation of the same payment is refused', async () => {
    for (const other of [{ reference: 'x' }, { paidOn: '2026-11-01' }, { amountMinor: 1 }]) {
      const { is, detail } = await asked.refused(pay('alibaba youku'), alibaba, { ...paid, ...other })
      expect(is).toEqual([409, 'payment-confirmed'])
      expect(detail).toContain('Did the bank return it? Transfer it again at the bank')
    }
  })

  test('the bank’s name of a payment is taken, too, and the answer has ours', async () => {
    const { id = '' } = payments.get('alibaba youku') ?? {}
    const asBank = `payments/${id.replace('_', '-')}/confirm`
    expect(await asked.read<Payment>(asBank, alibaba, paid)).toMatchObject({ id, state: 'paid' })
    expect((await asked.refused(asBank.replace('pay-', 'pay~'), alibaba, paid)).pointers).toEqual(['/id'])
  })

  test('rivals that confirm different payments both get through, one block after the other', async () => {
    const rival = await closedOctober([
      feeOf('alibaba', 'youku', '1'),
      feeOf('alibaba', 'eleme', '2'),
      feeOf('xiami', 'eleme', '4'),
    ])
    const due = (await viewNetting(rival, closingOf(october))).payments
    const confirm = (payment: Payment) =>
      confirmPayment(rival, {
        caller: { client: 'c' },
        ...closingOf(october),
        id: payment.id,
        confirmation: { paidOn: '2026-11-02' as Day, reference: 'r', amountMinor: payment.netMinor },
      })
    await Promise.all(due.map(confirm))
    const blocks = await listPaymentBlocks(rival.table, '88vip')
    expect(blocks.map(({ number }) => number)).toEqual([1, 2, 3])
    expect(blocks.map(({ previousHash }) => previousHash)).toEqual([
      genesisHash,
      ...blocks.map(b => b.hash).slice(0, 2),
    ])
    expect((await balances(rival, '88vip')).map(({ amountMinor }) => amountMinor)).toEqual([0, 0, 0, 0])
    expect(await verifyPayments(rival.table, '88vip')).toEqual([])
  })

  test('a confirmation whose answer was lost, or that broke off before, is sent again without harm', async () => {
    const broken = await closedOctober([feeOf('alibaba', 'xiami', '1')])
    const [payment] = (await viewNetting(broken, closingOf(october))).payments
    if (!payment) throw new Error('no payment')
    const sent = {
      caller: { client: 'c' },
      ...closingOf(october),
      id: payment.id,
      confirmation: { paidOn: '2026-11-02' as Day, reference: 'r', amountMinor: 100 },
    }
    const through = (commit: typeof broken.table.commit) =>
      confirmPayment({ ...broken, table: { ...broken.table, commit } }, sent)
    const before = async () => Promise.reject(new Error('broke off'))
    await expect(through(before)).rejects.toThrow('broke off')
    expect(await verifyPayments(broken.table, '88vip')).toEqual([])
    expect(await findPaymentChain(broken.table, '88vip')).toBeUndefined()
    const after = async (writes: Parameters<typeof broken.table.commit>[0]) => {
      await broken.table.commit(writes)
      throw new Error('answer lost')
    }
    await expect(through(after)).rejects.toThrow('answer lost')
    expect(await confirmPayment(broken, sent)).toMatchObject({ state: 'paid', confirmation: { reference: 'r' } })
    expect((await balances(broken, '88vip')).map(({ amountMinor }) => amountMinor)).toEqual([0, 0])
    expect(await listPaymentBlocks(broken.table, '88vip')).toHaveLength(1)
  })

  test('the close verifies as before, and the transfers of the period are its own', async () => {
    const own = await listTransfers(world.table, '88vip', october)
    expect(own.every(({ statement }) => statement !== undefined)).toBe(true)
    expect(await listTransfers(world.table, '88vip')).toHaveLength(own.length + 1)
    await expect(runClose(world, closingOf(october))).resolves.toMatchObject({ state: 'published' })
  })

  test('the journal of the period ends with what was paid, on its day', async () => {
    const entries = parseJournal(await periodJournal(world, closingOf(october)))
    const id = payments.get('alibaba youku')?.id
    expect(entries.slice(0, -1).every(({ date }) => date === '2026-10-31')).toBe(true)
    expect(entries.at(-1)).toEqual({
      date: '2026-11-02',
      description: `(${id}) payment`,
      postings: [
        { account: 'position:youku:EUR', amount: -8000n, commodity: 'EURMINOR' },
        { account: 'position:alibaba:EUR', amount: 8000n, commodity: 'EURMINOR' },
      ],
    })
  })

  test('the next close builds on the ledger as it is and carries what was carried', async () => {
    world.moveTo('2026-12-02T00:00:00Z')
    await close(world, november)
    await expect(runClose(world, closingOf(november))).resolves.toMatchObject({ state: 'published' })
    const { payments: next } = await viewNetting(world, closingOf(november))
    expect(next.find(({ to }) => to === 'eleme')).toMatchObject({ from: 'alibaba', netMinor: 600, state: 'due' })
  })
})

describe('tampering with what was confirmed', () => {
  const ledger = 'LEDGER#88vip'
  const [transferAt, blockAt] = [
    (n: number) => `TRANSFER#PAYMENT#00000000${n}`,
    (n: number) => `BLOCK#PAYMENT#00000000${n}`,
  ]
  let world: Awaited<ReturnType<typeof closedOctober>>
  const differences = () => verifyPayments(world.table, '88vip')

  beforeAll(async () => {
    world = await closedOctober([feeOf('alibaba', 'youku', '1'), feeOf('alibaba', 'eleme', '2')])
    const { payments } = await viewNetting(world, closingOf(october))
    for (const { id, netMinor } of payments)
      await confirmPayment(world, {
        caller: { client: 'c' },
        ...closingOf(october),
        id,
        confirmation: { paidOn: '2026-11-02' as Day, reference: 'r', amountMinor: netMinor },
      })
  })

  test('of a transfer or a block is named', async () => {
    expect(await differences()).toEqual([])
    const [first] = await listTransfers(world.table, '88vip').then(all => all.filter(({ payment }) => payment))
    if (!first) throw new Error('no transfer of a payment')
    const key = { pk: ledger, sk: transferAt(1) }
    await world.table.write(put(transfer, key, { ...first, amountMinor: first.amountMinor + 1 }))
    expect(await differences()).toEqual(['transfer 1 of the confirmed payments'])
    await world.table.write(put(transfer, key, first))

    const [stored] = await listPaymentBlocks(world.table, '88vip')
    if (!stored) throw new Error('no block')
    const blockKey = { pk: ledger, sk: blockAt(1) }
    await world.table.write(put(block, blockKey, { ...stored, hash: 'f'.repeat(64) }))
    expect(await differences()).toEqual(['block 1 of the confirmed payments'])
    await world.table.write(put(block, blockKey, stored))
    expect(await differences()).toEqual([])
  })

  test('of a confirmation is named also by who made every hash fit', async () => {
    const forge = async (change: Partial<ConfirmedPayment>) => {
      const { payments } = await viewNetting(world, closingOf(october))
      const posted = await listPaymentTransfers(world.table, '88vip')
      const order = posted.map(({ payment }) => payments.find(({ id }) => id === payment))
      let previousHash = genesisHash
      for (const [at, payment] of order.entries()) {
        if (!payment?.confirmation) throw new Error('not confirmed')
        const { confirmation, state: _state, ...netted } = payment
        const forged = at === 0 ? { ...confirmation, ...change } : confirmation
        const posting = paymentBlockOf({ ...closingOf(october), number: at + 1, previousHash }, netted, forged)
        for (const write of confirmationWrites(posting, undefined)) {
          const Item = write('').Put?.Item
          if (Item) await world.table.write(TableName => ({ Put: { TableName, Item } }))
        }
        previousHash = posting.block.hash
      }
      return order[0]
    }
    const payment = await forge({})
    const { amountMinor, paidOn } = payment?.confirmation ?? { amountMinor: 0, paidOn: '' }
    expect(await differences()).toEqual([])
    const changes: Partial<ConfirmedPayment>[] = [
      { amountMinor: amountMinor - 1 },
      { amountMinor, paidOn: '2026-10-31' as Day },
      { paidOn: '2026-11-03' as Day },
    ]
    for (const change of changes) {
      await forge(change)
      expect([change, await differences()]).toEqual([change, [`confirmation of payment ${payment?.id}`]])
    }
    // Another day on which it can have been paid: only a close that was made since tells.
    await forge({ paidOn: paidOn as Day })
    expect(await differences()).toEqual([])
    world.moveTo('2026-12-02T00:00:00Z')
    await close(world, november)
    expect(await differences()).toEqual([])
    await forge({ paidOn: '2026-11-01' as Day })
    expect(await differences()).toEqual(['block 2 of the confirmed payments (the close of 2026-11 has another hash)'])
    await forge({ paidOn: paidOn as Day })
    expect(await differences()).toEqual([])
  })

  test('by taking the last ones away is named by the close that counted them', async () => {
    const gone = (item: { pk: string; sk: string }) => world.table.write(remove(item))
    const transfers = await listPaymentTransfers(world.table, '88vip')
    const blocks = await listPaymentBlocks(world.table, '88vip')
    const [first] = blocks
    const last = transfers.at(-1)
    if (!first || !last) throw new Error('nothing is confirmed')
    for (const sk of [transferAt(2), blockAt(2), `PAYMENT#2026-10#${last.payment}`]) await gone({ pk: ledger, sk })
    const Item = chainItem({ programme: '88vip', version: 1, hash: first.hash })
    await world.table.write(TableName => ({ Put: { TableName, Item } }))
    const counted = 'end of the chain of confirmed payments (the close of 2026-11 counted 2 of them)'
    expect(await differences()).toEqual([counted])
    const firstOf = transfers[0]?.payment
    for (const sk of [transferAt(1), blockAt(1), `PAYMENT#2026-10#${firstOf}`, 'PAYMENTS'])
      await gone({ pk: ledger, sk })
    expect(await differences()).toEqual([counted])
  })
})
