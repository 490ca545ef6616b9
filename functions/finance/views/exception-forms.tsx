import type { Child, FC } from 'hono/jsx'
import { exceptionLimits } from '../../../schemas/exception.ts'
import { Alert, Csrf } from '../../portal/views/pieces.tsx'
import type { StaffVisit } from '../desk.ts'
import { exceptionPath } from '../exception-paths.ts'
import type { FormName, Outlook, Refused, Shown } from '../exception-shown.ts'
import { amountExample } from '../typed-amount.ts'
import { WhyNot } from './exception-refused.tsx'
import { momentIn, numberIn, periodIn } from './pieces.tsx'

type Props = { visit: StaffVisit; shown: Shown }

/** What can be done: hand it on, and for who decides about money each decision, with what comes of it. */
export const Forms: FC<Props> = ({ visit, shown }) => {
  const text = visit.words.exceptions.one.act
  return (
    <section aria-labelledby="act" class="no-print mt-10 lg:mt-0">
      <h2 id="act" class="text-xl">
        {text.title}
      </h2>
      <div class="mt-4 grid gap-4">
        {shown.outlook ? (
          <>
            <Accept visit={visit} shown={shown} outlook={shown.outlook.accepted} />
            <Reject visit={visit} shown={shown} />
            <Adjust visit={visit} shown={shown} outlook={shown.outlook.adjusted} />
          </>
        ) : (
          <p>{text.onlyFinance}</p>
        )}
        <Assign visit={visit} shown={shown} />
      </div>
    </section>
  )
}

/** What was typed in this form, and what is wrong with it. */
const refusedOf = ({ refused }: Shown, form: FormName): Refused | undefined =>
  refused?.form === form ? refused : undefined

const Box: FC<{ title: string; id: string; children?: Child }> = ({ title, id, children }) => (
  <section class="card p-4" aria-labelledby={id}>
    <h3 id={id} class="text-lg">
      {title}
    </h3>
    {children}
  </section>
)

type DecisionProps = Props & { outcome: 'accepted' | 'rejected' | 'adjusted'; button: string; children?: Child }

const Decision: FC<DecisionProps> = ({ visit, shown, outcome, button, children }) => {
  const { exception } = shown
  const text = visit.words.exceptions.one.act
  const refused = refusedOf(shown, outcome)
  const tone = outcome === 'rejected' ? 'btn btn-outline' : 'btn btn-primary'
  return (
    <form method="post" action={exceptionPath(exception.id, '/resolve')} class="mt-3 grid gap-3">
      <Csrf visit={visit} />
      <input type="hidden" name="outcome" value={outcome} />
      <input type="hidden" name="seen" value={exception.changedAt} />
      {children}
      <Field
        id={`reason-${outcome}`}
        label={text.reason}
        hint={text.reasonHint}
        {...(refused?.faults.reason && { fault: refused.faults.reason })}
      >
        {described => (
          <textarea
            class="textarea w-full"
            id={`reason-${outcome}`}
            name="reason"
            rows={2}
            maxlength={exceptionLimits.text}
            required
            dir="auto"
            {...described}
          >
            {refused?.typed.reason ?? ''}
          </textarea>
        )}
      </Field>
      <div>
        <button type="submit" class={tone}>
          {button}
        </button>
      </div>
    </form>
  )
}

type Described = { 'aria-describedby': string; 'aria-invalid'?: 'true' }
type FieldProps = { id: string; label: string; hint: string; fault?: string; children?: (of: Described) => Child }

/** A label, its hint and its fault, each told to who cannot see where they stand. */
function Field({ id, label, hint, fault, children }: FieldProps) {
  const described: Described = {
    'aria-describedby': fault ? `${id}-hint ${id}-fault` : `${id}-hint`,
    ...(fault && { 'aria-invalid': 'true' as const }),
  }
  return (
    <div class="grid gap-1">
      <label class="text-sm font-semibold" for={id}>
        {label}
      </label>
      {children?.(described)}
      <p id={`${id}-hint`} class="text-sm text-quiet">
        {hint}
      </p>
      {fault && (
        <p id={`${id}-fault`} class="text-sm text-error">
          {fault}
        </p>
      )}
    </div>
  )
}

type Judged = Props & { outlook: Outlook }

const Accept: FC<Judged> = ({ visit, shown, outlook }) => {
  const { words, language } = visit
  const text = words.exceptions.one.act
  if ('refusal' in outlook)
    return (
      <Box title={text.accept} id="accept">
        <div class="mt-3">
          <Alert tone="warning">
            <p class="font-semibold">{text.cannotAccept}</p>
            <WhyNot visit={visit} refusal={outlook.refusal} />
          </Alert>
        </div>
      </Box>
    )
  const { billedIn, contracts, quantity } = outlook.billing
  const { count } = shown.exception
  const lines = text.lineCount(numberIn(language, count), count === 1)
  const uses = text.useCount(numberIn(language, quantity), Math.abs(quantity) === 1)
  return (
    <Box title={text.accept} id="accept">
      <p class="mt-1">{text.acceptText(lines, uses)}</p>
      <p class="text-sm text-quiet">
        {text.contracts(contracts.join(', '))} {text.billedIn(periodIn(language, billedIn))}
      </p>
      <Decision visit={visit} shown={shown} outcome="accepted" button={text.acceptButton} />
    </Box>
  )
}

const Reject: FC<Props> = ({ visit, shown }) => {
  const { words, language } = visit
  const text = words.exceptions.one.act
  const { exception, timeZone, rejectedUntil } = shown
  return (
    <Box title={text.reject} id="reject">
      <p class="mt-1">
        {exception.dispute?.reopened ? text.rejectFinal : text.rejectText(momentIn(language, rejectedUntil, timeZone))}
      </p>
      <Decision visit={visit} shown={shown} outcome="rejected" button={text.rejectButton} />
    </Box>
  )
}

const Adjust: FC<Judged> = ({ visit, shown, outlook }) => {
  const { words, language } = visit
  const text = words.exceptions.one.act
  if ('refusal' in outlook)
    return (
      <Box title={text.adjust} id="adjust">
        <div class="mt-3">
          <Alert tone="warning">
            <p class="font-semibold">{text.cannotAdjust}</p>
            <WhyNot visit={visit} refusal={outlook.refusal} />
          </Alert>
        </div>
      </Box>
    )
  const { billedIn, currency } = outlook.billing
  const refused = refusedOf(shown, 'adjusted')
  const fault = refused?.faults.amount
  return (
    <Box title={text.adjust} id="adjust">
      <p class="mt-1">{text.adjustText}</p>
      <p class="text-sm text-quiet">{text.billedIn(periodIn(language, billedIn))}</p>
      <Decision visit={visit} shown={shown} outcome="adjusted" button={text.adjustButton}>
        <Field
          id="amount"
          label={text.amount(currency)}
          hint={text.amountHint(amountExample(currency))}
          {...(fault && { fault })}
        >
          {described => (
            <input
              class="input w-full"
              id="amount"
              name="amount"
              value={refused?.typed.amount ?? ''}
              inputmode="decimal"
              autocomplete="off"
              maxlength={100}
              required
              {...described}
            />
          )}
        </Field>
      </Decision>
    </Box>
  )
}

const Assign: FC<Props> = ({ visit, shown }) => {
  const { exception } = shown
  const text = visit.words.exceptions.one.act
  const refused = refusedOf(shown, 'assigned')
  const fault = refused?.faults.assignee
  return (
    <Box title={text.assign} id="assign">
      <form method="post" action={exceptionPath(exception.id, '/assign')} class="mt-3 grid gap-3">
        <Csrf visit={visit} />
        <input type="hidden" name="seen" value={exception.changedAt} />
        <Field id="assignee" label={text.assignee} hint={text.assigneeHint} {...(fault && { fault })}>
          {described => (
            <input
              class="input w-full"
              id="assignee"
              name="assignee"
              value={refused?.typed.assignee ?? ''}
              autocomplete="off"
              maxlength={128}
              required
              dir="auto"
              {...described}
            />
          )}
        </Field>
        <div class="flex flex-wrap gap-3">
          <button type="submit" class="btn btn-outline">
            {text.assignButton}
          </button>
          <button type="submit" class="btn btn-outline" name="to" value="me" formnovalidate>
            {text.assignMe}
          </button>
        </div>
      </form>
    </Box>
  )
}
