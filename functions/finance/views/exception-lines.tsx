import type { FC } from 'hono/jsx'
import type { ExceptionalLine, UsageException } from '../../../schemas/exception.ts'
import { Actions } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { exceptionPath } from '../exception-paths.ts'
import { Foreign } from './exception-marks.tsx'
import { DataTable, FinanceHead, numberIn } from './pieces.tsx'

export const LinesTable: FC<{ visit: StaffVisit; lines: readonly ExceptionalLine[] }> = ({ visit, lines }) => {
  const { words, language } = visit
  const text = words.exceptions.one.lines
  return (
    <DataTable
      caption={text.table}
      captionHidden
      rows={lines}
      columns={[
        { title: text.line, heads: true, of: ({ line }) => numberIn(language, line) },
        {
          title: text.event,
          of: ({ id }) => (id === undefined ? <span class="text-quiet">{text.none}</span> : <Foreign text={id} />),
        },
      ]}
    />
  )
}

type Page = { items: ExceptionalLine[]; next?: string }

/** Every line of an exception, page by page. */
export function linesView(visit: StaffVisit, exception: UsageException, page: Page, isFirst: boolean): View {
  const { words, language } = visit
  const text = words.exceptions
  const path = exceptionPath(exception.id, '/lines')
  return {
    title: text.one.lines.pageTitle,
    body: (
      <>
        <FinanceHead
          words={words}
          title={text.one.lines.pageTitle}
          crumbs={[
            { href: '/finance/exceptions', name: text.title },
            { href: exceptionPath(exception.id), name: text.reasons[exception.reason].name },
          ]}
          lead={text.one.lines.all(numberIn(language, exception.count))}
        />
        <LinesTable visit={visit} lines={page.items} />
        <Actions>
          {page.next && (
            <a class="btn btn-outline" href={`${path}?${new URLSearchParams({ cursor: page.next })}`}>
              {text.next}
            </a>
          )}
          {!isFirst && (
            <a class="btn btn-ghost" href={path}>
              {text.first}
            </a>
          )}
          <a class="btn btn-ghost" href={exceptionPath(exception.id)}>
            {text.one.lines.back}
          </a>
        </Actions>
      </>
    ),
  }
}
