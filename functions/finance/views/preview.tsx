import type { FC } from 'hono/jsx'
import { Alert } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import type { MonthData } from '../month-data.ts'
import { monthPath } from '../paths.ts'
import type { Change, LineChange } from '../preview-changes.ts'
import { lineName } from '../preview-sheets.tsx'
import type { Sheet } from '../tables.tsx'
import { Downloads, EmptyNote, FinanceHead, Section, StateBadge } from './pieces.tsx'

type Preview = { data: MonthData; sheets: Record<'changes' | 'lines', Sheet>; lines: LineChange[] }

export function previewView(visit: StaffVisit, preview: Preview): View {
  const { words } = visit
  const text = words.months
  const { data, sheets, lines } = preview
  const { names, picture, before } = data
  const title = text.previewTitle(names.month)
  const isClosed = picture.state === 'published'
  return {
    title: `${names.programme} · ${title}`,
    body: (
      <>
        <FinanceHead
          words={words}
          title={title}
          crumbs={[
            { href: '/finance', name: words.shell.tabs.periods },
            { href: monthPath(picture), name: `${names.programme} · ${names.month}` },
          ]}
          badge={<StateBadge words={words} state={picture.state} />}
          lead={before ? text.previewLead(names.month, names.monthBefore) : text.previewFirst(names.month)}
        >
          {!isClosed && (
            <a class="btn btn-primary btn-sm" href={monthPath(picture, 'close')}>
              {picture.state === 'open' ? text.closeLong : text.closing}
            </a>
          )}
        </FinanceHead>
        <Alert tone="info">{isClosed ? text.previewClosed : text.previewNotice}</Alert>
        {before && <Named visit={visit} lines={lines} />}
        <Section id="statements" title={text.changedStatements}>
          <Changes visit={visit} data={data} sheet={sheets.changes} name="changes" of={text.changedStatements} />
        </Section>
        <Section id="lines" title={text.changedLines} lead={text.changedLinesLead}>
          <Changes visit={visit} data={data} sheet={sheets.lines} name="lines" of={text.changedLines} />
        </Section>
      </>
    ),
  }
}

/** Lines that came and went, in words: a table of many rows hides them. */
const Named = ({ visit, lines }: { visit: StaffVisit; lines: readonly LineChange[] }) => {
  const { words, language } = visit
  const named = (kind: Change['kind']) =>
    new Intl.ListFormat(language).format(lines.filter(line => line.kind === kind).map(lineName))
  const [fresh, gone] = [named('new'), named('gone')]
  return fresh || gone ? (
    <div class="mt-4 grid gap-1">
      {fresh && <p>{words.months.newLines(fresh)}</p>}
      {gone && <p>{words.months.goneLines(gone)}</p>}
    </div>
  ) : null
}

type ChangesProps = { visit: StaffVisit; data: MonthData; sheet: Sheet; name: 'changes' | 'lines'; of: string }
const Changes: FC<ChangesProps> = ({ visit: { words }, data, sheet, name, of }) =>
  sheet.isEmpty ? (
    <EmptyNote>{words.months.statementsEmpty}</EmptyNote>
  ) : (
    <>
      {sheet.table()}
      <Downloads words={words} base={monthPath(data.picture, `tables/${name}`)} of={of} />
    </>
  )
