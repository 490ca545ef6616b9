import { z } from '@hono/zod-openapi'
import { Currency } from '../../schemas/money.ts'
import { Payment, PaymentConfirmation } from '../../schemas/payment.ts'
import { Day, Period, Slug } from '../../schemas/primitives.ts'
import { NettingView } from '../../schemas/settlement.ts'
import { callerOf, json, jsonBody, operation, problemAnswer, router } from '../kernel/validate.ts'
import { confirmPayment } from './confirm.ts'
import type { SettlementNeeds } from './inputs.ts'
import { viewNetting } from './netting-view.ts'
import { paymentsFile } from './payments-file.ts'
import { ownProgramme } from './periods.ts'

const tag = 'finance'
const params = z.object({ programme: Slug, period: Period })
const path = '/v1/programmes/{programme}/periods/{period}' as const

/** As here, or as the bank names it: in the end-to-end id `-` stands for `_`. */
const PaymentName = z
  .string()
  .regex(/^pay[_-][0-9A-HJKMNP-TV-Z]{26}$/, 'an id such as pay_01J9ZK3V5W8XQ2M4N6P7R8S9TA, or the end-to-end id')

/** Who owes whom, and how it is paid: for the programme's own brand, which is the operator of its settlement. */
export const paymentRoutes = (needs: SettlementNeeds) =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: `${path}/netting`,
        summary: 'Who owes whom, gross and net, and the payments; provisional while the period is open',
        tag,
        scopes: ['finance:read'],
        request: { params },
        responses: { 200: json(NettingView, 'Gross to net'), default: problemAnswer },
      }),
      async c => {
        await ownProgramme(needs, callerOf(c), c.req.valid('param').programme)
        return c.json(await viewNetting(needs, c.req.valid('param')), 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: `${path}/payments.xml`,
        summary: 'Payments of a closed period that are still due, for a bank (ISO 20022 pain.001.001.09)',
        tag,
        scopes: ['finance:read'],
        request: {
          params,
          query: z.object({ currency: Currency.optional(), debtor: Slug.optional(), executionDate: Day.optional() }),
        },
        responses: {
          200: { description: 'The file', content: { 'application/xml': { schema: z.string() } } },
          default: problemAnswer,
        },
      }),
      async c => {
        const { programme, period } = c.req.valid('param')
        await ownProgramme(needs, callerOf(c), programme)
        const { name, xml } = await paymentsFile(needs, { programme, period, ...c.req.valid('query') })
        return c.body(xml, 200, {
          'content-type': 'application/xml; charset=utf-8',
          'content-disposition': `attachment; filename="${name}"`,
          // It names bank accounts.
          'cache-control': 'no-store',
        })
      },
    )
    .openapi(
      operation({
        method: 'post',
        path: `${path}/payments/{id}/confirm`,
        summary: 'Note that a payment was made, and take the debt off the ledger; the same again changes nothing',
        tag,
        scopes: ['finance:write'],
        request: { params: params.extend({ id: PaymentName }), body: jsonBody(PaymentConfirmation) },
        responses: { 200: json(Payment, 'The payment, paid'), default: problemAnswer },
      }),
      async c => {
        const caller = callerOf(c)
        const { programme, period, id } = c.req.valid('param')
        await ownProgramme(needs, caller, programme)
        const confirmation = c.req.valid('json')
        return c.json(await confirmPayment(needs, { caller, programme, period, id, confirmation }), 200)
      },
    )
