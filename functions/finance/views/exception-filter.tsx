import type { FC } from 'hono/jsx'
import { ExceptionReason, ExceptionState, Severity } from '../../../schemas/exception.ts'
import { type AskedFilter, type FilterName, filterQuery } from '../exception-filter.ts'
import type { Tally } from '../exception-list.ts'
import type { QueueNames } from '../exception-names.ts'
import type { Words } from '../words.ts'

type Option = readonly [value: string, name: string]
type ChoiceProps = { name: FilterName; label: string; any: string; options: readonly Option[]; asked: AskedFilter }

/** A value that is no option is kept as one: an address may name what exists no more. */
const Choice: FC<ChoiceProps> = ({ name, label, any, options, asked: { typed, faults } }) => {
  const chosen = typed[name]
  const isKnown = chosen === '' || options.some(([value]) => value === chosen)
  return (
    <label class="grid min-w-0 content-end gap-1">
      <span class="text-sm font-semibold">{label}</span>
      <select class="select w-full" name={name} aria-invalid={faults.includes(name) ? 'true' : undefined}>
        <option value="" selected={chosen === ''}>
          {any}
        </option>
        {[...options, ...(isKnown ? [] : [[chosen, chosen] as const])].map(([value, title]) => (
          <option value={value} selected={value === chosen}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}

/** Lines that cannot be read belong to no programme: staff never see them. */
const reasons = ExceptionReason.options.filter(reason => reason !== 'malformed')

type FormProps = { words: Words; asked: AskedFilter; names: QueueNames }

export const FilterForm: FC<FormProps> = ({ words, asked, names }) => {
  const text = words.exceptions
  const { filter } = text
  const programmes = Array.from(names.programmes, ([id, { name }]) => [id, name] as const)
  const isPeriodFault = asked.faults.includes('period')
  return (
    <form method="get" action="/finance/exceptions" class="card no-print" aria-label={filter.title}>
      <div class="grid grid-cols-2 gap-4 p-4 lg:grid-cols-3">
        <Choice
          name="state"
          label={filter.state}
          any={filter.any}
          asked={asked}
          options={ExceptionState.options.map(state => [state, text.states[state]])}
        />
        <Choice
          name="reason"
          label={filter.reason}
          any={filter.any}
          asked={asked}
          options={reasons.map(reason => [reason, text.reasons[reason].name])}
        />
        <Choice
          name="severity"
          label={filter.severity}
          any={filter.any}
          asked={asked}
          options={Severity.options.map(severity => [severity, text.severities[severity]])}
        />
        <Choice name="programme" label={filter.programme} any={filter.any} asked={asked} options={programmes} />
        <Choice name="partner" label={filter.partner} any={filter.any} asked={asked} options={[...names.partners]} />
        <div class="grid min-w-0 content-end gap-1">
          <label class="text-sm font-semibold" for="period">
            {filter.period} <span class="font-normal text-quiet">({filter.periodHint})</span>
          </label>
          <input
            class="input w-full"
            id="period"
            name="period"
            value={asked.typed.period}
            maxlength={7}
            inputmode="numeric"
            aria-invalid={isPeriodFault ? 'true' : undefined}
          />
        </div>
        <div class="col-span-full flex flex-wrap gap-3">
          <button type="submit" class="btn btn-primary">
            {filter.show}
          </button>
          <a class="btn btn-ghost" href="/finance/exceptions">
            {filter.reset}
          </a>
        </div>
      </div>
    </form>
  )
}

type FacetProps = { label: string; items: readonly { href: string; name: string; count: string; current: boolean }[] }

const Facets: FC<FacetProps> = ({ label, items }) => (
  <nav aria-label={label}>
    <ul class="flex flex-wrap gap-2">
      {items.map(({ href, name, count, current }) => (
        <li>
          <a
            class={current ? 'btn btn-sm btn-secondary' : 'btn btn-sm btn-outline'}
            href={href}
            aria-current={current ? 'true' : undefined}
          >
            {name} <span class="tabular-nums">{count}</span>
          </a>
        </li>
      ))}
    </ul>
  </nav>
)

/** How many there are of each state, and of each reason where these could be counted: each leads to them. */
export const Counts: FC<{ words: Words; asked: AskedFilter; tally: Tally }> = ({ words, asked, tally }) => {
  const text = words.exceptions
  const address = (change: Parameters<typeof filterQuery>[1]) => `/finance/exceptions${filterQuery(asked, change)}`
  const states = ExceptionState.options.map(state => ({
    href: address({ state }),
    name: text.states[state],
    count: `${tally.states[state].count}${tally.states[state].more ? '+' : ''}`,
    current: asked.filter.state === state,
  }))
  const counted = (tally.reasons ?? []).map(({ reason, count }) => {
    const current = asked.filter.reason === reason
    return {
      href: address({ reason: current ? '' : reason }),
      name: text.reasons[reason].name,
      count: `${count}`,
      current,
    }
  })
  return (
    <div class="no-print mt-6 grid gap-3">
      <Facets label={text.filter.byState} items={states} />
      {counted.length > 0 && <Facets label={text.filter.byReason} items={counted} />}
    </div>
  )
}
