import type { Services } from '../../functions/connect.ts'
import { applyContract } from '../../functions/contracts/apply-contract.ts'
import { settlementNeeds, usageNeeds } from '../../functions/gateway-needs.ts'
import { Refusal } from '../../functions/kernel/refusal.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { closesOf } from '../../functions/settlement/closed-periods.ts'
import { confirmPayment } from '../../functions/settlement/confirm.ts'
import { paymentsOf } from '../../functions/settlement/payments.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import { ContractDocument } from '../../schemas/contract.ts'
import type { Day, Instant, Period } from '../../schemas/primitives.ts'
import { contracts, receivedAt } from '../settlement/generated-month.ts'
import { drawFrom } from './draw.ts'
import { itemsOf } from './dump.ts'
import { type Act, batchesOf, november, october, programme } from './story.ts'
import { newWorld, type Origin, partners } from './world.ts'

export const bothOver = '2026-12-02T00:00:00Z' as Instant
const ndjson = 'application/x-ndjson' as const

/** A month that was reported and is ready to be closed: what each schedule begins with. */
export async function reportedMonth(origin: Origin, endpoint: string): Promise<Origin> {
  const world = await newWorld(origin, endpoint, { draw: drawFrom(0), share: 0, deathAt: 0, diesAfter: false })
  const services = world.calm()
  world.moveTo(receivedAt)
  for (const partner of partners)
    for (const body of batchesOf(partner, origin.entitlements[partner]).october)
      await receiveBatch(usageNeeds(services), { partner, body: Buffer.from(body), mediaType: ndjson })
  const items = await itemsOf(world.clean, world.tableName)
  await world.end()
  return { ...origin, items }
}

export async function closePeriod(services: Services, period: Period): Promise<void> {
  const needs = settlementNeeds(services)
  await requestClose(needs, { programme, period })
  await runClose(needs, { programme, period })
}

export const closing = (period: Period): Act => ({
  name: `close ${period}`,
  run: services => closePeriod(services, period),
})

export const closedByTwo: Act = {
  name: 'two close October at once',
  run: (first, second) => Promise.all([closePeriod(first, october), closePeriod(second, october)]),
}

/** The refusals that a period's close met while the one before it was open. */
export type Met = { refusals: Set<string> }

/**
 * All at once: two processes close October, one of them also November, a batch arrives and terms are replaced. What is
 * refused is told in `met`; October is closed in the end.
 */
export const everythingAtOnce = ({ entitlements }: Origin, met: Met): Act => ({
  name: 'both months are closed while a batch arrives and terms are replaced',
  async run(first, second) {
    const [late] = batchesOf('eleme', entitlements.eleme).november
    const attempts = await Promise.allSettled([
      closePeriod(first, october),
      closePeriod(second, october),
      closePeriod(second, november).catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error
        met.refusals.add(error.code)
      }),
      receiveBatch(usageNeeds(second), { partner: 'eleme', body: Buffer.from(late ?? ''), mediaType: ndjson }),
      applyContract(first, { caller: { brand: 'alibaba' }, document: dearer() }),
    ])
    const failed = attempts.find(attempt => attempt.status === 'rejected')
    if (failed) throw failed.reason
  },
})

/** The terms of one partner at another price. */
function dearer(): ContractDocument {
  const before = contracts.find(({ id }) => id === 'youku-2026')
  return ContractDocument.parse({ ...before, taxRate: '0.13' })
}

/** Two people confirm October's first payment at once, with the same words. */
export const confirmedTwice: Act = {
  name: 'a payment is confirmed twice at once',
  async run(first, second) {
    const close = (await closesOf(first, programme)).find(({ period }) => period === october)
    const due =
      close && (await paymentsOf(first.table, close)).find(({ netMinor, carried }) => netMinor > 0 && !carried)
    if (!due) throw new Error('nothing is due for October')
    const confirmation = { paidOn: '2026-11-20' as Day, reference: 'e2e-1', amountMinor: due.netMinor }
    const confirm = (services: Services) =>
      confirmPayment(settlementNeeds(services), {
        ...{ programme, period: october, id: due.id, confirmation },
        caller: { client: 'finance' },
      })
    await Promise.all([confirm(first), confirm(second)])
  },
}
