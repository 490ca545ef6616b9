import type { FC } from 'hono/jsx'
import type { Part } from '../../portal/views/part.ts'
import type { StaffVisit } from '../desk.ts'
import { exceptionsPath } from '../paths.ts'
import type { Computation, Product } from '../statement-computation.ts'
import type { Names } from '../statement-names.ts'
import { DataTable, moneyIn } from './pieces.tsx'

type Words = Pick<StaffVisit, 'words' | 'language'>
type Props = { visit: Words; computation: Computation; nameOf: Names }

/** A decimal as it is, however many digits it has. */
const decimalIn = ({ language }: Words, text: string): string =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 30 }).format(text as `${number}`)

const shareIn = ({ language }: Words, share: string): string =>
  new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 12 }).format(share as `${number}`)

const moneyOf = ({ language }: Words, currency: string, minor: bigint): string =>
  moneyIn(language, { amountMinor: Number(minor), currency })

/** How an amount comes about, in words and numbers, step by step. */
export const ComputationSteps: FC<Props> = ({ visit, computation, nameOf }) => {
  const m = visit.words.money.line
  const { currency, billedBeforeMinor, amountMinor } = computation
  const money = (minor: bigint) => moneyOf(visit, currency, minor)
  const steps: Part[] =
    computation.kind === 'priced'
      ? pricedSteps(visit, computation, nameOf)
      : computation.kind === 'limit'
        ? [
            m.limits[computation.limit](money(computation.owedMinor), money(computation.limitMinor)),
            <Step visit={visit} name={m.limitDue} value={money(computation.dueMinor)} />,
          ]
        : [m.decided, ...computation.decisions.map(decision => <Decision visit={visit} money={money} {...decision} />)]
  return (
    <ol class="list-decimal space-y-3 pl-6">
      {steps.map(step => (
        <li>{step}</li>
      ))}
      {billedBeforeMinor !== undefined && <li>{m.beforehand(money(billedBeforeMinor))}</li>}
      <li>
        <Step visit={visit} name={m.result} value={money(amountMinor)} />
      </li>
    </ol>
  )
}

const Step: FC<{ visit: Words; name: string; value: string }> = ({ visit, name, value }) => (
  <>
    {name}
    {visit.words.money.colon}
    <strong class="whitespace-nowrap tabular-nums">{value}</strong>
  </>
)

type DecisionProps = { visit: Words; money: (minor: bigint) => string; exception: string; amountMinor: bigint }
const Decision: FC<DecisionProps> = ({ visit: { words }, money, exception, amountMinor }) => (
  <>
    <a class="link" href={`${exceptionsPath()}/${encodeURIComponent(exception)}`}>
      {words.money.line.decision(exception)}
    </a>
    {words.money.colon}
    <span class="tabular-nums">{money(amountMinor)}</span>
  </>
)

type Priced = Extract<Computation, { kind: 'priced' }>

function pricedSteps(visit: Words, computation: Priced, nameOf: Names): Part[] {
  const m = visit.words.money.line
  const { currency, counts, tiers, isCredit, products, exact, roundedMinor, funding } = computation
  const money = (minor: bigint) => moneyOf(visit, currency, minor)
  const counted = products.reduce((sum, { count }) => sum + Number(count), 0) * (isCredit ? -1 : 1)
  const sales = `${decimalIn(visit, products[0]?.count ?? '0')} ${currency}`
  return [
    m.counts[counts](counts === 'sales' ? sales : decimalIn(visit, String(counted))),
    ...(tiers ? [<Tiers visit={visit} mode={tiers} products={products} />] : []),
    ...(isCredit ? [m.credit] : []),
    <Formula visit={visit} computation={computation} exact={exact} />,
    <Step visit={visit} name={m.rounded} value={money(roundedMinor)} />,
    ...(funding
      ? [
          <>
            {m.shared}
            <ul class="list-disc pl-6">
              {funding.map(({ brand, share, amountMinor, isPayee }) => (
                <li>{(isPayee ? m.payeeShare : m.share)(nameOf(brand), shareIn(visit, share), money(amountMinor))}</li>
              ))}
            </ul>
          </>,
        ]
      : []),
  ]
}

/** `100 × 0.05 + 117 × 0.03 = 8.51` */
const Formula: FC<{ visit: Words; computation: Priced; exact: string }> = ({ visit, computation, exact }) => {
  const { products, isCredit, currency } = computation
  const terms = products.map(({ count, price }) => `${decimalIn(visit, count)} × ${decimalIn(visit, price)}`)
  const sum = terms.join(' + ')
  return (
    <>
      {visit.words.money.line.priced}
      <p class="formula">
        {isCredit ? `−(${sum})` : sum} = {decimalIn(visit, exact)} {currency}
      </p>
    </>
  )
}

type TierProps = { visit: Words; mode: 'graduated' | 'volume'; products: readonly Product[] }
const Tiers: FC<TierProps> = ({ visit, mode, products }) => {
  const m = visit.words.money.line
  const number = (text: string | number) => decimalIn(visit, String(text))
  const range = ({ above = 0, upTo }: Product) =>
    upTo === undefined ? m.andMore(number(above + 1)) : m.upTo(number(above + 1), number(upTo))
  return (
    <>
      <p class="mb-2">{m.tiers[mode]}</p>
      <DataTable
        caption={m.tierCaption}
        captionHidden
        columns={[
          { title: m.tier, heads: true, of: range },
          { title: m.price, numeric: true, of: ({ price }) => number(price) },
          { title: m.units, numeric: true, of: ({ count }) => number(count) },
          { title: visit.words.money.statement.amount, numeric: true, of: ({ amount }) => number(amount) },
        ]}
        rows={products}
      />
    </>
  )
}
