import { feesOf } from '../memberships/fees.ts'
import { Badge } from '../portal/views/pieces.tsx'
import { exactNumber, round } from '../settlement/rational.ts'
import type { Desk, StaffVisit } from './desk.ts'
import { type BenefitEconomics, type Economics, economicsOf } from './economics.ts'
import { moneyIn, perMilleOf } from './formats.ts'
import type { MonthData } from './month-data.ts'
import { amountColumn, percentColumn, type Sheet, sheetOf } from './tables.tsx'

export async function monthEconomics(desk: Desk, { picture, programme, isOver }: MonthData): Promise<Economics[]> {
  const { period, statements, usage, frame } = picture
  const fees = await feesOf(desk, { programme: programme.id, period })
  const { currency } = programme
  return economicsOf({
    statements,
    usage,
    fees,
    period,
    brand: frame.brand,
    benefits: programme.benefits.map(({ id }) => id),
    currency,
    isOver,
  })
}

type Row = {
  kind: 'plan' | 'benefit' | 'whole'
  name: string
  currency: string
  members: number | undefined
  feesMinor: number | undefined
  costMinor: number
  marginMinor: number | undefined
  perMemberMinor: number | undefined
  share: number | undefined
  finding: 'ok' | 'loss' | 'none' | NonNullable<BenefitEconomics['warning']>
}

const tones = {
  ok: 'success',
  none: 'neutral',
  loss: 'error',
  'all-fees': 'error',
  member: 'warning',
  'no-fees': 'neutral',
} as const

/** Minor units a member, rounded half away from zero. */
const perMember = (costMinor: bigint, members: number): number | undefined =>
  members > 0 ? exactNumber(round({ numerator: costMinor, denominator: BigInt(members) })) : undefined

type Visit = Pick<StaffVisit, 'language' | 'words'>

export function economicsRows({ words }: Visit, { names }: MonthData, all: readonly Economics[]): Row[] {
  return all.flatMap(({ currency, feesMinor, costMinor, marginMinor, members, hasFees, plans, benefits }) => {
    const shareOf = (cost: bigint, fees: bigint) => perMilleOf(exactNumber(cost), exactNumber(fees))
    const money = (fees: bigint, cost: bigint, margin: bigint, count: number) => ({
      currency,
      members: count,
      feesMinor: exactNumber(fees),
      costMinor: exactNumber(cost),
      marginMinor: exactNumber(margin),
      perMemberMinor: perMember(cost, count),
      share: shareOf(cost, fees),
      finding: hasFees ? (margin < 0n ? ('loss' as const) : ('ok' as const)) : ('no-fees' as const),
    })
    const whole = {
      kind: 'whole' as const,
      name: names.programme,
      ...money(feesMinor, costMinor, marginMinor, members),
    }
    const ofPlans = plans.map(plan => ({
      kind: 'plan' as const,
      name: names.plan(plan.plan),
      ...money(plan.feesMinor, plan.costMinor, plan.marginMinor, plan.members),
    }))
    const ofBenefits = benefits.map(({ benefit, costMinor: cost, activeMembers, warning }) => ({
      kind: 'benefit' as const,
      name: benefit === undefined ? words.months.noBenefit : names.benefit(benefit),
      currency,
      members: benefit === undefined ? undefined : activeMembers,
      feesMinor: undefined,
      costMinor: exactNumber(cost),
      marginMinor: undefined,
      perMemberMinor: perMember(cost, activeMembers),
      share: shareOf(cost, feesMinor),
      finding: warning ?? (cost === 0n ? ('none' as const) : ('ok' as const)),
    }))
    const isEmpty = members === 0 && costMinor === 0n && ofBenefits.every(row => row.finding === 'none')
    return isEmpty ? [] : [whole, ...ofPlans, ...ofBenefits]
  })
}

export function economicsSheet(visit: Visit, data: MonthData, all: readonly Economics[]): Sheet {
  const { language, words } = visit
  const text = words.months
  const amount = (name: string, title: string, of: (row: Row) => number | undefined) =>
    amountColumn<Row>({ name, title, language, currency: row => row.currency, of })
  return sheetOf<Row>({
    caption: text.economics,
    language,
    rows: economicsRows(visit, data, all),
    columns: [
      { name: 'name', title: text.name, kind: 'text', of: row => row.name, heads: true },
      { name: 'kind', title: text.kind, kind: 'text', of: row => text.kinds[row.kind] },
      {
        name: 'finding',
        title: text.finding,
        kind: 'text',
        of: row => text.findings[row.finding],
        shown: ({ finding }) => <Badge tone={tones[finding]}>{text.findings[finding]}</Badge>,
      },
      { name: 'currency', title: text.currency, kind: 'text', of: row => row.currency },
      { name: 'members', title: text.members, kind: 'integer', of: row => row.members },
      amount('fees', text.fees, row => row.feesMinor),
      amount('cost', text.cost, row => row.costMinor),
      amount('margin', text.margin, row => row.marginMinor),
      amount('cost_per_member', text.perMember, row => row.perMemberMinor),
      percentColumn<Row>({ name: 'cost_percent_of_fees', title: text.share, language, of: row => row.share }),
    ],
  })
}

/** A sentence for each plan and benefit that makes a loss or is about to. */
export function economicsWarnings(
  { language, words }: Visit,
  { names }: MonthData,
  all: readonly Economics[],
): string[] {
  const text = words.months
  return all.flatMap(({ currency, feesMinor, members, plans, benefits }) => {
    const money = (amount: bigint) => moneyIn(language, { amountMinor: exactNumber(amount), currency })
    const each = (amount: bigint, count: number) => money(BigInt(perMember(amount, count) ?? 0))
    return [
      ...plans
        .filter(({ isLoss }) => isLoss)
        .map(plan => text.planLoss(names.plan(plan.plan), money(-plan.marginMinor))),
      ...benefits.flatMap(({ benefit, costMinor, activeMembers, warning }) => {
        const name = benefit === undefined ? text.noBenefit : names.benefit(benefit)
        if (warning === 'all-fees') return [text.benefitAll(name, money(costMinor))]
        if (warning === 'member')
          return [text.benefitMember(name, each(costMinor, activeMembers), each(feesMinor, members))]
        return []
      }),
    ]
  })
}
