import type { UsageException } from '../../schemas/exception.ts'
import type { Money } from '../../schemas/money.ts'
import { majorAmount } from '../reports/amount.ts'
import type { Column } from '../reports/table.ts'
import type { Words } from './words.ts'

/** The queue as a table to keep: a row for each exception, machine words in the cells. */
export function exceptionColumns({ exceptions: { columns: title } }: Words): Column<UsageException>[] {
  const text = (name: string, heading: string, of: Column<UsageException>['of']) =>
    ({ name, title: heading, kind: 'text', of }) as const
  const number = (name: string, heading: string, of: Column<UsageException>['of']) =>
    ({ name, title: heading, kind: 'integer', of }) as const
  return [
    text('id', title.id, one => one.id),
    text('state', title.state, one => one.state),
    text('severity', title.severity, one => one.severity),
    text('reason', title.reason, one => one.reason),
    text('programme', title.programme, one => one.programme),
    text('period', title.period, one => one.period),
    text('partner', title.partner, one => one.partner),
    text('cause', title.cause, one => one.cause),
    number('lines', title.count, one => one.count),
    number('quantity', title.quantity, one => one.quantity),
    { name: 'amount', title: title.amount, kind: 'amount', of: one => majorOf(onlyAmount(one)) },
    text('currency', title.currency, one => onlyAmount(one)?.currency),
    text('amounts', title.amounts, one => one.amounts.map(sum => `${sum.currency} ${majorOf(sum)}`).join('; ')),
    text('batch', title.batch, one => one.batch),
    number('sequence', title.sequence, one => one.sequence),
    number('first_line', title.line, one => one.lines[0]?.line),
    text('first_event', title.event, one => one.lines[0]?.id),
    text('assignee', title.assignee, one => one.assignee),
    text('disputed', title.disputed, one => (one.dispute && one.state !== 'resolved' ? 'yes' : 'no')),
    { name: 'deadline', title: title.deadline, kind: 'instant', of: one => one.deadline },
    text('final', title.final, one => (one.final ? 'yes' : 'no')),
    { name: 'opened_at', title: title.openedAt, kind: 'instant', of: one => one.openedAt },
    { name: 'changed_at', title: title.changedAt, kind: 'instant', of: one => one.changedAt },
    text('outcome', title.outcome, one => one.resolution?.outcome),
    text('decision_reason', title.decisionReason, one => one.resolution?.reason),
    text('billed_in', title.billedIn, one => one.resolution?.billedIn),
    { name: 'billed_amount', title: title.billedAmount, kind: 'amount', of: one => majorOf(one.resolution?.amount) },
    text('billed_currency', title.billedCurrency, one => one.resolution?.amount?.currency),
  ]
}

/** Sums of several currencies are no number: they stand in `amounts` alone. */
const onlyAmount = ({ amounts }: UsageException): Money | undefined => (amounts.length === 1 ? amounts[0] : undefined)
const majorOf = (money: Money | undefined): string | undefined =>
  money && majorAmount(money.amountMinor, money.currency)
