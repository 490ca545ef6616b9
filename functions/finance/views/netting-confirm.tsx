import type { FC } from 'hono/jsx'
import type { Payment } from '../../../schemas/payment.ts'
import { Alert, Csrf } from '../../portal/views/pieces.tsx'
import type { StaffVisit } from '../desk.ts'
import { monthPath } from '../paths.ts'
import type { NettingShown } from './netting.tsx'
import { moneyIn, Section } from './pieces.tsx'

/** A confirmation that was not taken: what was typed is kept, and each fault stands at its field. */
export type Attempt = {
  id: string
  paidOn: string
  reference: string
  /** Of the whole. */
  refused: string
  faults: { paidOn?: string | undefined; reference?: string | undefined }
}

type Props = { visit: StaffVisit; shown: NettingShown }

/** A form for each payment that is due, for finance; others read who may. Nothing while the month is open. */
export const ConfirmForms: FC<Props> = ({ visit, shown }) => {
  const { words, staff } = visit
  const { netting } = shown
  const m = words.money.netting
  const due = netting.payments.filter(({ state }) => state === 'due')
  if (netting.state !== 'published' || due.length === 0) return null
  return (
    <Section id="confirm" title={m.confirm} {...(staff.mayDecide && { lead: m.confirmLead })}>
      {staff.mayDecide ? (
        <div class="grid gap-4 lg:grid-cols-2">
          {due.map(payment => (
            <ConfirmForm visit={visit} shown={shown} payment={payment} />
          ))}
        </div>
      ) : (
        <Alert tone="info">{m.onlyFinance}</Alert>
      )}
    </Section>
  )
}

const ConfirmForm: FC<Props & { payment: Payment }> = ({ visit, shown, payment }) => {
  const { words, language } = visit
  const { netting, nameOf, days, attempt } = shown
  const m = words.money.netting
  const { id, from, to, netMinor, currency } = payment
  const typed = attempt?.id === id ? attempt : undefined
  const amount = moneyIn(language, { amountMinor: netMinor, currency })
  return (
    <form
      method="post"
      action={monthPath(netting, `payments/${encodeURIComponent(id)}/confirm`)}
      class="card gap-4 p-5"
      aria-labelledby={`title-${id}`}
    >
      <Csrf visit={visit} />
      <input type="hidden" name="amountMinor" value={String(netMinor)} />
      <h3 id={`title-${id}`} class="flex flex-wrap justify-between gap-2 text-lg">
        <span>{m.confirmOne(nameOf(from), nameOf(to))}</span>
        <span class="tabular-nums">{amount}</span>
      </h3>
      <Field id={`paid-on-${id}`} label={m.paidOn} fault={typed?.faults.paidOn}>
        <input
          class="input w-full"
          type="date"
          id={`paid-on-${id}`}
          name="paidOn"
          required
          min={days.from}
          max={days.to}
          value={typed?.paidOn ?? days.to}
          aria-describedby={typed?.faults.paidOn ? `paid-on-${id}-fault` : undefined}
          aria-invalid={typed?.faults.paidOn ? 'true' : undefined}
        />
      </Field>
      <Field id={`reference-${id}`} label={m.reference} fault={typed?.faults.reference} hint={m.referenceHint}>
        <input
          class="input w-full"
          type="text"
          id={`reference-${id}`}
          name="reference"
          required
          maxlength={140}
          autocomplete="off"
          value={typed?.reference ?? ''}
          aria-describedby={`reference-${id}-${typed?.faults.reference ? 'fault' : 'hint'}`}
          aria-invalid={typed?.faults.reference ? 'true' : undefined}
        />
      </Field>
      <button type="submit" class="btn btn-primary self-start">
        {m.confirmButton(amount)}
      </button>
    </form>
  )
}

type FieldProps = { id: string; label: string; hint?: string; fault?: string | undefined; children?: unknown }
const Field: FC<FieldProps> = ({ id, label, hint, fault, children }) => (
  <div class="grid gap-1">
    <label class="font-semibold" for={id}>
      {label}
    </label>
    {children}
    {fault ? (
      <p id={`${id}-fault`} class="text-sm font-semibold text-error">
        {fault}
      </p>
    ) : (
      hint && (
        <p id={`${id}-hint`} class="text-sm text-quiet">
          {hint}
        </p>
      )
    )}
  </div>
)
