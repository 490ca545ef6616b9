import * as z from 'zod'
import { Period, Slug } from './primitives.ts'
import { PeriodState } from './settlement.ts'

/** Steps of a partner's chain that run on many Lambdas at once, each done for all its places before the next begins. */
export const ChainStep = z.enum(['shuffle', 'classify', 'match', 'settle', 'members'])
export type ChainStep = z.infer<typeof ChainStep>

/** Some places of a step of a partner's chain, in the order of the step: from one up to but without another. */
export const ChainPart = z.strictObject({ partner: Slug, from: z.int().min(0), upTo: z.int().min(1) })
export type ChainPart = z.infer<typeof ChainPart>

const Closing = { programme: Slug, period: Period }
/** The states that a close passes through, in order. */
export const CloseStep = PeriodState.exclude(['open', 'cutoff'])
export type CloseStep = z.infer<typeof CloseStep>

/** What the state machine of a close asks of its Lambda. Each may be repeated, and is then not done twice. */
export const CloseTask = z.discriminatedUnion('task', [
  z.strictObject({ ...Closing, task: z.literal('plan') }),
  z.strictObject({ ...Closing, task: z.literal('chain-step'), step: ChainStep, ...ChainPart.shape }),
  z.strictObject({ ...Closing, task: z.literal('advance'), to: CloseStep }),
  z.strictObject({ ...Closing, task: z.literal('verify') }),
  z.strictObject({ ...Closing, task: z.literal('judge-anew') }),
])
export type CloseTask = z.infer<typeof CloseTask>

/** Where a close stands, and its large chains in parts. Small ones are no part of it: reconciling does them at once. */
export const ClosePlan = z.strictObject({
  state: PeriodState,
  hasLargeChains: z.boolean(),
  steps: z.record(ChainStep, z.array(ChainPart)),
})
export type ClosePlan = z.infer<typeof ClosePlan>

/** What an execution of the state machine is given. */
export const CloseExecution = z.strictObject(Closing)
export type CloseExecution = z.infer<typeof CloseExecution>
