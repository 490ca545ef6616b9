import type { ExceptionRecord, Severity } from '../../schemas/exception.ts'
import { minorUnitDigits } from '../../schemas/money.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { epochMilliseconds } from '../kernel/clock.ts'

/** From how much on, in major units of the programme's currency, or in uses where no amount is known. */
const bounds = { amount: { medium: 1_000, high: 10_000 }, quantity: { medium: 100, high: 1_000 } } as const
const steps = ['low', 'medium', 'high'] as const

type Weighed = Pick<
  ExceptionRecord,
  'programme' | 'amounts' | 'currency' | 'quantity' | 'count' | 'openedAt' | 'deadline' | 'state'
>

/**
 * By size: the amount in the programme's currency (1,000 major units medium, 10,000 high), where the lines state none
 * the quantity, which is at least the number of lines (100 medium, 1,000 high). Unless it is resolved, half of the time
 * from opening to deadline raises it by one step, and a deadline that has passed to high. Nobody decides about one of no
 * programme: it does not become more urgent.
 */
export function severityOf(exception: Weighed, now: Instant): Severity {
  const size = sizeOf(exception)
  if (exception.state === 'resolved' || exception.programme === undefined) return steps[size] ?? 'high'
  const opened = epochMilliseconds(exception.openedAt)
  const whole = epochMilliseconds(exception.deadline) - opened
  const age = epochMilliseconds(now) - opened
  const raised = age >= whole ? 2 : age * 2 >= whole ? 1 : 0
  return steps[Math.min(size + raised, 2)] ?? 'high'
}

function sizeOf({ amounts, currency, quantity, count }: Weighed): number {
  const amount = amounts.find(sum => sum.currency === currency)
  const { medium, high } = amount ? bounds.amount : bounds.quantity
  const size = amount ? amount.amountMinor / 10 ** minorUnitDigits(amount.currency) : Math.max(quantity, count)
  return size >= high ? 2 : size >= medium ? 1 : 0
}
