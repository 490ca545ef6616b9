import type { Money } from '../../schemas/money.ts'
import type { Plan } from '../../schemas/programme.ts'

type Attribute = number | string | boolean
type Condition = Plan['priceRules'][number]['when']

/** What a member pays for a plan: the price of the first rule whose condition holds, else the plan's own. */
export const priceOf = (plan: Plan, attributes: Record<string, Attribute> = {}): Money =>
  plan.priceRules.find(({ when }) => holds(when, attributes[when.attribute]))?.price ?? plan.price

function holds({ atLeast, atMost, equals }: Condition, value: Attribute | undefined): boolean {
  if (value === undefined) return false
  if (equals !== undefined && value !== equals) return false
  if (atLeast !== undefined && !(typeof value === 'number' && value >= atLeast)) return false
  return !(atMost !== undefined && !(typeof value === 'number' && value <= atMost))
}
