import type { Child, FC } from 'hono/jsx'
import type { PeriodState } from '../../../schemas/settlement.ts'
import type { Part } from '../../portal/views/part.ts'
import { Alert, Badge, type Tone } from '../../portal/views/pieces.tsx'
import type { Chart } from '../charts.ts'
import type { Words } from '../words.ts'

export { changeIn, dayIn, momentIn, moneyIn, numberIn, percentIn, periodIn } from '../formats.ts'

type Holding = { children?: Child }

/** Where the page is: each step up, then the page itself, which is no link. */
export type Crumb = { href: string; name: string }

type HeadProps = Holding & { words: Words; title: string; crumbs?: readonly Crumb[]; lead?: string; badge?: Part }
/** The page's one h1 under its breadcrumb; `children` are what can be done with the page, at the side where there is room. */
export const FinanceHead: FC<HeadProps> = ({ words, title, crumbs = [], lead, badge, children }) => (
  <div class="mb-6">
    {crumbs.length > 0 && (
      <nav aria-label={words.shell.breadcrumb}>
        <ol class="crumbs">
          {crumbs.map(({ href, name }) => (
            <li>
              <a class="link" href={href}>
                {name}
              </a>
            </li>
          ))}
          <li aria-current="page">{title}</li>
        </ol>
      </nav>
    )}
    <div class="flex flex-wrap items-center gap-x-6 gap-y-3">
      <div class="mr-auto flex flex-wrap items-center gap-3">
        <h1 class="text-2xl sm:text-3xl">{title}</h1>
        {badge}
      </div>
      {children && <div class="no-print flex flex-wrap gap-2">{children}</div>}
    </div>
    {lead && <p class="mt-2 max-w-3xl text-quiet">{lead}</p>}
  </div>
)

const stateTones = {
  open: 'info',
  cutoff: 'warning',
  reconciled: 'warning',
  rated: 'warning',
  posted: 'warning',
  netted: 'warning',
  signed: 'warning',
  published: 'success',
} as const satisfies Record<PeriodState, Tone>

/** The state of a month in words; the colour says it once more. */
export const StateBadge: FC<{ words: Words; state: PeriodState }> = ({ words, state }) => (
  <Badge tone={stateTones[state]}>{words.shell.states[state]}</Badge>
)

/** That figures are not final. Nothing for a closed month. */
export const ProvisionalNotice: FC<{ words: Words; state: PeriodState }> = ({ words, state }) =>
  state === 'published' ? null : (
    <div class="mb-6">
      <Alert tone="info">{state === 'open' ? words.shell.provisional : words.shell.closing}</Alert>
    </div>
  )

/** A column as a page shows it. */
export type ShownColumn<Row> = {
  title: string
  /** Right-aligned, with figures of one width. */
  numeric?: boolean
  /** The cell that names its row. */
  heads?: boolean
  of: (row: Row) => Part
}

type TableProps<Row> = {
  /** Says what the rows are; also names the region that scrolls where the page is narrow. */
  caption: string
  /** When the heading above says the same already. */
  captionHidden?: boolean
  columns: readonly ShownColumn<Row>[]
  rows: readonly Row[]
  /** Cells of a last row, such as sums; as many as there are columns. */
  foot?: readonly Part[]
}

/** A table of figures: scopes, a caption, and a region of its own to scroll in. */
export function DataTable<Row>({ caption, captionHidden = false, columns, rows, foot }: TableProps<Row>) {
  const align = ({ numeric }: ShownColumn<Row>) => (numeric ? 'numeric' : undefined)
  return (
    <section class="table-scroll" aria-label={caption} tabindex={0}>
      <table class="data-table">
        <caption class={captionHidden ? 'sr-only' : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map(column => (
              <th scope="col" class={align(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr>
              {columns.map(column =>
                column.heads ? (
                  <th scope="row" class={align(column)}>
                    {column.of(row)}
                  </th>
                ) : (
                  <td class={align(column)}>{column.of(row)}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
        {foot && (
          <tfoot>
            <tr>
              {columns.map((column, place) =>
                place === 0 ? <th scope="row">{foot[place]}</th> : <td class={align(column)}>{foot[place]}</td>,
              )}
            </tr>
          </tfoot>
        )}
      </table>
    </section>
  )
}

/** Files of exactly what is above. `base` is the address without its suffix; `of` says what, for those who only hear the link. */
export const Downloads: FC<{ words: Words; base: string; of: string; forms?: readonly string[] }> = props => {
  const { words, base, of, forms = ['csv', 'xlsx'] } = props
  return (
    <p class="no-print downloads">
      <span class="text-quiet">{words.shell.download}</span>
      {forms.map(form => (
        <a class="link" href={`${base}.${form}`}>
          {form.toUpperCase()}
          <span class="sr-only">{words.shell.downloadOf(of)}</span>
        </a>
      ))}
    </p>
  )
}

/** A part of a page under its own h2; the id is unique on the page. */
export const Section: FC<Holding & { id: string; title: string; lead?: string }> = ({ id, title, lead, children }) => (
  <section class="mt-10" aria-labelledby={id}>
    <h2 id={id} class="text-xl">
      {title}
    </h2>
    {lead && <p class="mt-1 max-w-3xl text-quiet">{lead}</p>}
    <div class="mt-4">{children}</div>
  </section>
)

/** Figures that count most, side by side. */
export const FigureRow: FC<Holding> = ({ children }) => <dl class="figure-row">{children}</dl>
export const Figure: FC<Holding & { term: string; note?: Part }> = ({ term, note, children }) => (
  <div>
    <dt>{term}</dt>
    <dd class="figure-value">{children}</dd>
    {note && <dd class="text-sm text-quiet">{note}</dd>}
  </div>
)

/** A picture with its caption; the same figures follow as a table. The markup comes from our own renderer only. */
export const ChartFigure: FC<{ chart: Chart; caption: string }> = ({ chart, caption }) => (
  <figure class="chart">
    <div class="sm:hidden" dangerouslySetInnerHTML={{ __html: chart.narrow }} />
    <div class="hidden sm:block" dangerouslySetInnerHTML={{ __html: chart.wide }} />
    <figcaption>{caption}</figcaption>
  </figure>
)

/** Nothing here, and what would change that: within a section. */
export const EmptyNote: FC<Holding> = ({ children }) => (
  <p class="rounded-box border border-dashed border-base-300 px-5 py-8 text-center text-quiet">{children}</p>
)
