import type { FC } from 'hono/jsx'
import type { UsageException } from '../../../schemas/exception.ts'
import { Actions, Alert, Badge } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { type AskedFilter, filterQuery } from '../exception-filter.ts'
import type { Tally } from '../exception-list.ts'
import { partnerName, programmeName, type QueueNames, zoneOf } from '../exception-names.ts'
import { exceptionPath } from '../exception-paths.ts'
import type { Words } from '../words.ts'
import { Counts, FilterForm } from './exception-filter.tsx'
import { ExceptionBadge, Foreign, SeverityMark } from './exception-marks.tsx'
import {
  DataTable,
  EmptyNote,
  FinanceHead,
  momentIn,
  moneyIn,
  numberIn,
  periodIn,
  Section,
  type ShownColumn,
} from './pieces.tsx'

export type Queue = {
  asked: AskedFilter
  names: QueueNames
  /** Absent where the filter or the cursor was not understood. */
  page?: { items: UsageException[]; next?: string }
  /** Of the first page. */
  tally?: Tally
  isBadCursor: boolean
  isFirst: boolean
}

export function exceptionsView(visit: StaffVisit, queue: Queue): View {
  const { words } = visit
  const { asked, names, page, tally, isBadCursor } = queue
  const text = words.exceptions
  const isFault = asked.faults.length > 0 || isBadCursor
  return {
    title: text.title,
    ...(isFault && { status: 400 }),
    body: (
      <>
        <FinanceHead words={words} title={text.title} lead={text.lead} />
        <FilterForm words={words} asked={asked} names={names} />
        {asked.faults.length > 0 && (
          <div class="mt-6" role="alert">
            <Alert tone="error">
              {asked.faults.map(name => (
                <p>{text.filter.fault(text.filter[name])}</p>
              ))}
            </Alert>
          </div>
        )}
        {tally && <Counts words={words} asked={asked} tally={tally} />}
        {isBadCursor && <BadCursor words={words} asked={asked} />}
        {page && <Rows visit={visit} queue={{ ...queue, page }} />}
        <p class="mt-8 max-w-3xl text-sm text-quiet">{text.nobodys}</p>
      </>
    ),
  }
}

const BadCursor: FC<{ words: Words; asked: AskedFilter }> = ({ words, asked }) => {
  const { badCursor } = words.exceptions
  return (
    <div class="mt-6" role="alert">
      <Alert tone="error">
        <p class="font-semibold">{badCursor.title}</p>
        <p>{badCursor.text}</p>
        <p class="mt-2">
          <a class="link" href={`/finance/exceptions${filterQuery(asked)}`}>
            {badCursor.first}
          </a>
        </p>
      </Alert>
    </div>
  )
}

type RowsProps = { visit: StaffVisit; queue: Queue & { page: NonNullable<Queue['page']> } }

const Rows: FC<RowsProps> = ({ visit, queue: { asked, names, page, isFirst } }) => {
  const { words } = visit
  const text = words.exceptions
  const query = filterQuery(asked)
  const { items, next } = page
  const isDefault = query === ''
  return (
    <div class="mt-6">
      {items.length === 0 ? (
        <EmptyNote>
          <strong class="block text-base-content">{text.empty.title}</strong>
          {next ? text.empty.more : isDefault ? text.empty.open : text.empty.filtered}
        </EmptyNote>
      ) : (
        <>
          <DataTable caption={text.table} captionHidden columns={columnsOf(visit, names)} rows={items} />
          <QueueDownloads words={words} query={query} />
        </>
      )}
      {(next || !isFirst) && (
        <Actions>
          {next && (
            <a class="btn btn-outline" href={`/finance/exceptions${filterQuery(asked, { cursor: next })}`}>
              {text.next}
            </a>
          )}
          {!isFirst && (
            <a class="btn btn-ghost" href={`/finance/exceptions${query}`}>
              {text.first}
            </a>
          )}
        </Actions>
      )}
      {items.length > 0 && <Meanings words={words} reasons={[...new Set(items.map(({ reason }) => reason))]} />}
    </div>
  )
}

/** The query belongs behind the suffix of the file. */
const QueueDownloads: FC<{ words: Words; query: string }> = ({ words, query }) => (
  <p class="no-print downloads">
    <span class="text-quiet">{words.shell.download}</span>
    {(['csv', 'xlsx'] as const).map(form => (
      <a class="link" href={`/finance/exceptions.${form}${query}`}>
        {form.toUpperCase()}
        <span class="sr-only">{words.shell.downloadOf(words.exceptions.table)}</span>
      </a>
    ))}
  </p>
)

function columnsOf({ words, language }: StaffVisit, names: QueueNames): ShownColumn<UsageException>[] {
  const text = words.exceptions
  const { columns } = text
  return [
    {
      title: columns.reason,
      heads: true,
      of: one => (
        <span class="block min-w-44">
          <a class="link font-semibold" href={exceptionPath(one.id)}>
            {text.reasons[one.reason].name}
          </a>
          {one.dispute && one.state !== 'resolved' && (
            <span class="mt-1 block">
              <Badge tone="error">{text.disputed}</Badge>
            </span>
          )}
        </span>
      ),
    },
    { title: columns.severity, of: one => <SeverityMark words={words} severity={one.severity} /> },
    {
      title: columns.partner,
      of: one => (
        <>
          <span class="block whitespace-nowrap">{partnerName(names, one.partner)}</span>
          <span class="block text-sm whitespace-nowrap text-quiet">{programmeName(names, one.programme)}</span>
        </>
      ),
    },
    {
      title: columns.period,
      of: one => <span class="whitespace-nowrap">{one.period ? periodIn(language, one.period) : '–'}</span>,
    },
    { title: columns.count, numeric: true, of: one => numberIn(language, one.count) },
    { title: columns.quantity, numeric: true, of: one => numberIn(language, one.quantity) },
    {
      title: columns.amount,
      numeric: true,
      of: one =>
        one.amounts.length === 0
          ? text.noAmount
          : one.amounts.map(amount => <span class="block whitespace-nowrap">{moneyIn(language, amount)}</span>),
    },
    {
      title: columns.deadline,
      of: one => (
        <time datetime={one.deadline} class="whitespace-nowrap">
          {momentIn(language, one.deadline, zoneOf(names, one.programme))}
        </time>
      ),
    },
    {
      title: columns.state,
      of: one => (
        <>
          <ExceptionBadge words={words} of={one} />
          {one.assignee !== undefined && (
            <span class="block text-sm">
              <Foreign text={one.assignee} />
            </span>
          )}
        </>
      ),
    },
  ]
}

const Meanings: FC<{ words: Words; reasons: readonly UsageException['reason'][] }> = ({ words, reasons }) => {
  const text = words.exceptions
  return (
    <Section id="meanings" title={text.meanings}>
      <dl class="grid gap-4 sm:grid-cols-2">
        {reasons.map(reason => (
          <div>
            <dt class="font-semibold">{text.reasons[reason].name}</dt>
            <dd>{text.reasons[reason].meaning}</dd>
            <dd class="text-quiet">{text.reasons[reason].helps}</dd>
          </div>
        ))}
      </dl>
    </Section>
  )
}
