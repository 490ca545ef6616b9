import * as z from 'zod'
import { PaymentId } from './ids.ts'
import { Currency } from './money.ts'
import { Day, Instant, Slug } from './primitives.ts'

/** How debts are set off: between two brands, or each brand's whole position against the operator (domain.md). */
export const NettingAgreement = z.enum(['bilateral', 'multilateral']).meta({ id: 'NettingAgreement' })
export type NettingAgreement = z.infer<typeof NettingAgreement>

/**
 * Who pays whom what, gross and net. Bilateral: what `from` owes `to`, less what `to` owes `from`. Multilateral: what a
 * brand owes to all, less what all owe to it; the other side is the operator, the programme's brand.
 */
export const NetPayment = z
  .strictObject({
    id: PaymentId,
    agreement: NettingAgreement,
    from: Slug,
    to: Slug,
    currency: Currency,
    grossMinor: z.int(),
    netMinor: z.int(),
    /** Too small to pay: it opens the next statements instead. */
    carried: z.boolean(),
  })
  .meta({ id: 'NetPayment' })
export type NetPayment = z.infer<typeof NetPayment>

/** That a payment was made, as the bank told: posted to the ledger, which takes the debt off. */
export const PaymentConfirmation = z
  .strictObject({
    paidOn: Day,
    /** End-to-end id or whatever the bank calls it: one line of text. */
    reference: z
      .string()
      .trim()
      .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]{1,140}$/u, '1 to 140 characters without line breaks'),
    amountMinor: z.int().min(1),
  })
  .meta({ id: 'PaymentConfirmation' })
export type PaymentConfirmation = z.infer<typeof PaymentConfirmation>

export const ConfirmedPayment = z
  .strictObject({ ...PaymentConfirmation.shape, confirmedAt: Instant, actor: z.string() })
  .meta({ id: 'ConfirmedPayment' })
export type ConfirmedPayment = z.infer<typeof ConfirmedPayment>

/** A payment and where it stands. Without a debt left there is nothing to pay: `settled`. */
export const Payment = z
  .strictObject({
    ...NetPayment.shape,
    state: z.enum(['due', 'carried', 'settled', 'paid']),
    confirmation: ConfirmedPayment.optional(),
  })
  .meta({ id: 'Payment' })
export type Payment = z.infer<typeof Payment>
