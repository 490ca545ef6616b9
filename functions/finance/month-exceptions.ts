import type { Disposition, DispositionCounts } from '../../schemas/disposition.ts'
import type { PeriodView } from '../../schemas/settlement.ts'
import { countExceptions, type ExceptionCount } from '../exceptions/count-exceptions.ts'
import type { Desk } from './desk.ts'

export type ReasonCount = {
  reason: Exclude<Disposition, 'matched'>
  /** Events of the month. */
  lines: number
  /** Exceptions, which may be of many lines each. */
  open: number
  assigned: number
  resolved: number
}
export type MonthExceptions = {
  /** The reason with most lines first. */
  rows: ReasonCount[]
  undecided: number
  all: number
  /** Whether there are more than were counted. */
  isWhole: boolean
}

type Judged = Pick<PeriodView, 'programme' | 'period' | 'dispositions'>

export async function exceptionsOf(desk: Pick<Desk, 'table'>, picture: Judged): Promise<MonthExceptions> {
  const { programme, period, dispositions } = picture
  return byReason(dispositions, await countExceptions(desk, { programme, period }))
}

export function byReason(dispositions: DispositionCounts, counts: readonly ExceptionCount[]): MonthExceptions {
  const rows = new Map<ReasonCount['reason'], ReasonCount>()
  const of = (reason: ReasonCount['reason']): ReasonCount => {
    const row = rows.get(reason) ?? { reason, lines: 0, open: 0, assigned: 0, resolved: 0 }
    rows.set(reason, row)
    return row
  }
  for (const [disposition, lines] of Object.entries(dispositions) as [Disposition, number][])
    if (disposition !== 'matched') of(disposition).lines = lines
  for (const { reason, state, count } of counts) of(reason)[state] += count
  const all = [...rows.values()].sort((a, b) => b.lines - a.lines || (a.reason < b.reason ? -1 : 1))
  return {
    rows: all,
    undecided: all.reduce((sum, { open, assigned }) => sum + open + assigned, 0),
    all: all.reduce((sum, { open, assigned, resolved }) => sum + open + assigned + resolved, 0),
    isWhole: counts.every(({ isWhole }) => isWhole),
  }
}
