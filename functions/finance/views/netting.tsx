import type { FC } from 'hono/jsx'
import type { Payment } from '../../../schemas/payment.ts'
import type { Day } from '../../../schemas/primitives.ts'
import type { NettingView } from '../../../schemas/settlement.ts'
import { Alert, Badge, Banner, type Tone } from '../../portal/views/pieces.tsx'
import type { View } from '../../portal/visit.ts'
import type { StaffVisit } from '../desk.ts'
import { monthPath, statementPath } from '../paths.ts'
import type { Names } from '../statement-names.ts'
import { statementIdOf } from '../statement-terms.ts'
import { type Attempt, ConfirmForms } from './netting-confirm.tsx'
import {
  DataTable,
  Downloads,
  EmptyNote,
  FinanceHead,
  moneyIn,
  ProvisionalNotice,
  periodIn,
  Section,
  StateBadge,
} from './pieces.tsx'

export type NettingShown = {
  netting: NettingView
  programme: string
  nameOf: Names
  /** On which days, both included, a payment can have been made. */
  days: { from: Day; to: Day }
  /** That was confirmed just now. */
  done?: Payment | undefined
  /** A confirmation that was not taken, with what was typed. */
  attempt?: Attempt | undefined
  status?: number
  /** Why there is no payment file. */
  fileRefused?: keyof StaffVisit['words']['money']['netting']['refusals']
}
type Props = { visit: StaffVisit; shown: NettingShown }

/** Who owes whom: gross as a matrix for each currency, each brand's position, and the payments that are left. */
export function nettingView(visit: StaffVisit, shown: NettingShown): View {
  const { words, language } = visit
  const { netting, programme, nameOf, done, status, fileRefused, attempt } = shown
  const m = words.money.netting
  const month = periodIn(language, netting.period)
  const currencies = [...new Set(netting.gross.map(({ currency }) => currency))]
  return {
    title: `${m.title}, ${month}`,
    ...(status !== undefined && { status }),
    body: (
      <>
        {done && <Banner>{m.done(nameOf(done.from), nameOf(done.to))}</Banner>}
        <FinanceHead
          words={words}
          title={m.title}
          crumbs={[
            { href: '/finance', name: words.shell.tabs.periods },
            { href: monthPath(netting), name: `${programme}, ${month}` },
          ]}
          lead={m.lead(programme, month)}
          badge={<StateBadge words={words} state={netting.state} />}
        />
        <ProvisionalNotice words={words} state={netting.state} />
        {attempt && (
          <div class="mb-6" role="alert">
            <Alert tone="error">
              <strong>
                {m.refused}
                {words.money.stop}
              </strong>{' '}
              {attempt.refused}{' '}
              {netting.payments.some(({ id, state }) => id === attempt.id && state === 'due') && (
                <a class="link" href={`#title-${attempt.id}`}>
                  {m.toForm}
                </a>
              )}
            </Alert>
          </div>
        )}
        {fileRefused && (
          <div class="mb-6" role="alert">
            <Alert tone="error">
              <strong>
                {m.noFile}
                {words.money.stop}
              </strong>{' '}
              {m.refusals[fileRefused]}
            </Alert>
          </div>
        )}
        {currencies.length === 0 && <EmptyNote>{m.none}</EmptyNote>}
        {currencies.map(currency => (
          <>
            <Section id={`gross-${currency}`} title={m.gross(currency)} lead={m.grossLead}>
              <Matrix visit={visit} shown={shown} currency={currency} />
            </Section>
            <Section id={`positions-${currency}`} title={m.positions(currency)} lead={m.positionsLead}>
              <Positions visit={visit} shown={shown} currency={currency} />
            </Section>
          </>
        ))}
        <Section id="payments" title={m.payments} lead={m.paymentsLead}>
          <Payments visit={visit} shown={shown} />
        </Section>
        <Downloads words={words} base={monthPath(netting, 'netting/netting')} of={m.download} />
        <Files visit={visit} shown={shown} />
        <ConfirmForms visit={visit} shown={shown} />
      </>
    ),
  }
}

/** Debtors as rows, creditors as columns, with sums in both margins. */
const Matrix: FC<Props & { currency: string }> = ({ visit: { words, language }, shown, currency }) => {
  const { netting, nameOf } = shown
  const m = words.money.netting
  const debts = netting.gross.filter(debt => debt.currency === currency)
  const brands = [...new Set(debts.flatMap(({ debtor, creditor }) => [debtor, creditor]))].sort()
  const money = (amountMinor: number) => moneyIn(language, { amountMinor, currency })
  const sum = (which: (debt: (typeof debts)[number]) => boolean) =>
    Number(debts.filter(which).reduce((total, { amountMinor }) => total + BigInt(amountMinor), 0n))
  const cell = (debtor: string, creditor: string) => {
    if (debtor === creditor) return <span aria-hidden="true">—</span>
    const debt = debts.find(one => one.debtor === debtor && one.creditor === creditor)
    if (!debt) return ''
    if (netting.state !== 'published') return money(debt.amountMinor)
    const id = statementIdOf({ ...debt, programme: netting.programme }, netting.period)
    return (
      <a class="link" href={statementPath(id)}>
        {money(debt.amountMinor)}
      </a>
    )
  }
  return (
    <DataTable
      caption={m.grossCaption(currency)}
      captionHidden
      columns={[
        { title: m.owes, heads: true, of: (debtor: string) => nameOf(debtor) },
        ...brands.map(creditor => ({
          title: nameOf(creditor),
          numeric: true,
          of: (debtor: string) => cell(debtor, creditor),
        })),
        { title: m.owesTotal, numeric: true, of: (debtor: string) => money(sum(debt => debt.debtor === debtor)) },
      ]}
      rows={brands}
      foot={[
        m.owedTotal,
        ...brands.map(creditor => money(sum(debt => debt.creditor === creditor))),
        money(sum(() => true)),
      ]}
    />
  )
}

const Positions: FC<Props & { currency: string }> = ({ visit: { words, language }, shown, currency }) => {
  const m = words.money.netting
  const rows = shown.netting.brands.filter(position => position.currency === currency)
  const money = (amountMinor: number) => moneyIn(language, { amountMinor, currency })
  const sum = (of: (row: (typeof rows)[number]) => number) =>
    money(Number(rows.reduce((total, row) => total + BigInt(of(row)), 0n)))
  return (
    <DataTable
      caption={m.positions(currency)}
      captionHidden
      columns={[
        { title: m.brand, heads: true, of: ({ brand }) => shown.nameOf(brand) },
        { title: m.owes, numeric: true, of: ({ owesMinor }) => money(owesMinor) },
        { title: m.owedColumn, numeric: true, of: ({ owedMinor }) => money(owedMinor) },
        { title: m.net, numeric: true, of: ({ netMinor }) => <strong>{money(netMinor)}</strong> },
      ]}
      rows={rows}
      foot={[m.sum, sum(row => row.owesMinor), sum(row => row.owedMinor), sum(row => row.netMinor)]}
    />
  )
}

const tones = { due: 'warning', carried: 'info', settled: 'neutral', paid: 'success' } as const satisfies Record<
  Payment['state'],
  Tone
>

const Payments: FC<Props> = ({ visit: { words, language }, shown: { netting, nameOf } }) => {
  const m = words.money.netting
  if (netting.payments.length === 0) return <EmptyNote>{m.none}</EmptyNote>
  return (
    <DataTable
      caption={m.paymentsCaption}
      captionHidden
      columns={[
        { title: m.from, heads: true, of: ({ from }: Payment) => nameOf(from) },
        { title: m.to, of: ({ to }) => nameOf(to) },
        {
          title: m.grossAmount,
          numeric: true,
          of: ({ grossMinor, currency }) => moneyIn(language, { amountMinor: grossMinor, currency }),
        },
        {
          title: m.netAmount,
          numeric: true,
          of: ({ netMinor, currency }) => <strong>{moneyIn(language, { amountMinor: netMinor, currency })}</strong>,
        },
        { title: m.agreement, of: ({ agreement }) => m.agreements[agreement] },
        {
          title: m.state,
          of: ({ state, confirmation }) => (
            <>
              <Badge tone={tones[state]}>{m.states[state]}</Badge>
              {confirmation && (
                <span class="block text-sm text-quiet">{m.paidBy(confirmation.paidOn, confirmation.reference)}</span>
              )}
            </>
          ),
        },
      ]}
      rows={netting.payments}
    />
  )
}

const Files: FC<Props> = ({ visit: { words }, shown: { netting } }) => {
  const m = words.money.netting
  const path = (file: string) => monthPath(netting, `netting/${file}`)
  if (netting.state !== 'published') return <p class="mt-2 text-quiet">{m.bankFileOpen}</p>
  const isPayable = netting.payments.some(({ state }) => state === 'due')
  return (
    <>
      {isPayable && <p class="mt-2 text-quiet">{m.bankFileAgain}</p>}
      <p class="no-print mt-4 flex flex-wrap gap-3">
        {isPayable && (
          <a class="btn btn-outline btn-sm" href={path('payments.xml')}>
            {m.bankFile}
          </a>
        )}
        <a class="btn btn-outline btn-sm" href={path('journal.journal')}>
          {m.journal}
        </a>
      </p>
    </>
  )
}
