import type { FC } from 'hono/jsx'
import type { Statement, StatementLine } from '../../../schemas/settlement.ts'
import { Alert, Badge, Fact, Facts } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { monthPath, statementLinePath, statementPath } from '../paths.ts'
import type { Names } from '../statement-names.ts'
import {
  Downloads,
  EmptyNote,
  Figure,
  FigureRow,
  FinanceHead,
  moneyIn,
  numberIn,
  periodIn,
  Section,
} from './pieces.tsx'

/** Whether a key of the gateway signed the hash that the statement has. */
export type Signature = { state: 'good'; key: string } | { state: 'broken' | 'missing' | 'withdrawn' }

export type StatementShown = {
  statement: Statement
  programme: string
  nameOf: Names
  /** Whether its hash is that of its content. */
  isIntact: boolean
  signature: Signature
  before: Statement | undefined
}
type Props = { visit: StaffVisit; shown: StatementShown }

export const statementForms = ['pdf', 'xlsx', 'csv', 'json', 'jwt'] as const

/** A statement as people of finance know it: parties, lines by contract, sums, and what proves it. */
export function statementView(visit: StaffVisit, shown: StatementShown): View {
  const { words, language } = visit
  const { statement, programme, nameOf, isIntact, signature } = shown
  const isProven = isIntact && signature.state === 'good'
  const m = words.money.statement
  const title = m.title(nameOf(statement.debtor), nameOf(statement.creditor))
  const month = periodIn(language, statement.period)
  return {
    title: `${title}, ${month}`,
    body: (
      <>
        <FinanceHead
          words={words}
          title={title}
          crumbs={[
            { href: '/finance', name: words.shell.tabs.periods },
            { href: monthPath(statement), name: `${programme}, ${month}` },
          ]}
          lead={m.lead(programme, month)}
          badge={<Badge tone={isProven ? 'success' : 'error'}>{isProven ? m.signed : m.unproven}</Badge>}
        />
        {!isProven && (
          <div class="mb-6" role="alert">
            <Alert tone="error">
              {!isIntact && <p>{m.hashBroken}</p>}
              {signature.state !== 'good' && <p>{m.noSignature[signature.state]}</p>}
            </Alert>
          </div>
        )}
        <Parties visit={visit} shown={shown} />
        <Sums visit={visit} shown={shown} />
        <Downloads words={words} base={statementPath(statement.id)} of={m.downloads} forms={statementForms} />
        <Section id="lines" title={m.lines} lead={m.linesLead}>
          {statement.lines.length === 0 ? (
            <EmptyNote>{m.noLines}</EmptyNote>
          ) : (
            <LinesTable visit={visit} statement={statement} />
          )}
        </Section>
        <Proof visit={visit} shown={shown} />
      </>
    ),
  }
}

const Parties: FC<Props> = ({ visit: { words, language }, shown: { statement, programme, nameOf } }) => {
  const m = words.money.statement
  const { debtor, creditor, period, currency, id } = statement
  return (
    <div class="card mb-6 p-5">
      <dl class="facts sm:grid-cols-3">
        <Fact term={m.debtor}>
          <Party id={debtor} name={nameOf(debtor)} />
        </Fact>
        <Fact term={m.creditor}>
          <Party id={creditor} name={nameOf(creditor)} />
        </Fact>
        <Fact term={words.shell.programme}>{programme}</Fact>
        <Fact term={words.shell.period}>{periodIn(language, period)}</Fact>
        <Fact term={m.currency}>{currency}</Fact>
        <Fact term={m.number}>
          <code>{id}</code>
        </Fact>
      </dl>
    </div>
  )
}

const Party: FC<{ id: string; name: string }> = ({ id, name }) => (
  <>
    <strong>{name}</strong> {name.toLowerCase() !== id && <code class="text-quiet">{id}</code>}
  </>
)

const Sums: FC<Props> = ({ visit: { words, language }, shown: { statement } }) => {
  const m = words.money.statement
  const { openingMinor, subtotalMinor, taxMinor, totalMinor, currency } = statement
  const money = (amountMinor: number) => moneyIn(language, { amountMinor, currency })
  return (
    <FigureRow>
      <Figure term={m.opening}>{money(openingMinor)}</Figure>
      <Figure term={m.subtotal}>{money(subtotalMinor)}</Figure>
      <Figure term={m.tax}>{money(taxMinor)}</Figure>
      <Figure term={m.total}>{money(totalMinor)}</Figure>
    </FigureRow>
  )
}

const LinesTable: FC<{ visit: StaffVisit; statement: Statement }> = ({ visit: { words, language }, statement }) => {
  const m = words.money.statement
  const { currency, openingMinor, subtotalMinor, taxMinor, totalMinor, lines } = statement
  const money = (amountMinor: number) => moneyIn(language, { amountMinor, currency })
  const sums = [
    ...(openingMinor === 0 ? [] : [[m.opening, openingMinor] as const]),
    [m.subtotal, subtotalMinor] as const,
    [m.tax, taxMinor] as const,
    [m.total, totalMinor] as const,
  ]
  return (
    <section class="table-scroll" aria-label={m.caption} tabindex={0}>
      <table class="data-table">
        <caption class="sr-only">{m.caption}</caption>
        <thead>
          <tr>
            {[m.line, m.model, m.origin].map(title => (
              <th scope="col">{title}</th>
            ))}
            {[m.quantity, m.base, m.members, m.amount].map(title => (
              <th scope="col" class="numeric">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        {[...Map.groupBy(lines, line => line.contract)].map(([contract, own]) => (
          <tbody>
            <tr>
              <th scope="rowgroup" colspan={6}>
                {m.contract(contract)}
              </th>
              <td class="numeric font-semibold">{money(sumOf(own))}</td>
            </tr>
            {own.map(line => (
              <LineRow visit={{ words, language }} statement={statement} line={line} />
            ))}
          </tbody>
        ))}
        <tfoot>
          {sums.map(([title, amountMinor]) => (
            <tr>
              <th scope="row" colspan={6}>
                {title}
              </th>
              <td class="numeric">{money(amountMinor)}</td>
            </tr>
          ))}
        </tfoot>
      </table>
    </section>
  )
}

const sumOf = (lines: readonly StatementLine[]): number =>
  Number(lines.reduce((sum, line) => sum + BigInt(line.amountMinor), 0n))

type RowProps = { visit: Pick<StaffVisit, 'words' | 'language'>; statement: Statement; line: StatementLine }

const LineRow: FC<RowProps> = ({ visit: { words, language }, statement: { id, currency, period }, line }) => {
  const m = words.money
  const money = (amountMinor: number) => moneyIn(language, { amountMinor, currency })
  const isLate = line.originPeriod < period
  return (
    <tr>
      <th scope="row" class="pl-6">
        <a class="link" href={statementLinePath(id, line.id)}>
          {line.line}
        </a>
      </th>
      <td>{m.models[line.model]}</td>
      <td>
        {periodIn(language, line.originPeriod)} {isLate && <Badge tone="info">{m.statement.late}</Badge>}
      </td>
      <td class="numeric">{line.quantity === 0 ? '' : numberIn(language, line.quantity)}</td>
      <td class="numeric">{line.amountBaseMinor === undefined ? '' : money(line.amountBaseMinor)}</td>
      <td class="numeric">{line.members === undefined ? '' : numberIn(language, line.members)}</td>
      <td class="numeric">{money(line.amountMinor)}</td>
    </tr>
  )
}

const Proof: FC<Props> = ({ visit: { words, language }, shown: { statement, isIntact, signature, before } }) => {
  const m = words.money.statement
  const isFirst = /^0+$/.test(statement.previousHash)
  return (
    <Section id="proof" title={m.proof} lead={m.proofLead}>
      <Facts>
        <Fact term={m.hash}>
          <code>{statement.hash}</code>
          <p class="text-sm text-quiet">{isIntact ? m.hashHolds : m.hashBroken}</p>
        </Fact>
        <Fact term={m.chain}>
          {before ? (
            <a class="link" href={statementPath(before.id)}>
              {m.before(periodIn(language, before.period))}
            </a>
          ) : (
            <p>{isFirst ? m.first : m.beforeMissing}</p>
          )}
          {!isFirst && (
            <p>
              <code>{statement.previousHash}</code>
            </p>
          )}
        </Fact>
        <Fact term={m.signature}>
          {signature.state === 'good' ? (
            <a class="link" href={statementPath(statement.id, '.jwt')}>
              {m.signatureOf(signature.key)}
            </a>
          ) : (
            m.noSignature[signature.state]
          )}
        </Fact>
      </Facts>
    </Section>
  )
}
