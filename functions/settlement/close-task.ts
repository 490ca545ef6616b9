import { type ChainPart, type ChainStep, type ClosePlan, type CloseStep, CloseTask } from '../../schemas/close-task.ts'
import { type CloseRecord, PeriodState } from '../../schemas/settlement.ts'
import { doChainPart, planChains } from '../reconciliation/chain-tasks.ts'
import { closeSpill } from '../reconciliation/close-spill.ts'
import { advance, existingClose, refuseOtherRating, runClose } from './close.ts'
import { findClosingInputs, frozenInputs, type SettlementNeeds } from './inputs.ts'
import { nextState } from './steps.ts'
import type { ClosingPeriod } from './store.ts'
import { finalBefore } from './usage.ts'

export type CloseTaskNeeds = SettlementNeeds & {
  /** Has everything judged again that was judged before the close made lines final. */
  judgeAnew: () => Promise<void>
}

/**
 * Does one task of the state machine that carries a close from its cutoff to its published statements. Each is a function
 * of what is stored, writes create-only and may be repeated, by two at once too.
 * @returns what the machine goes on with
 * @throws ZodError for a task that is none, Mismatch when what is stored is not what the inputs give,
 * OtherRatingVersion when the close is to go on under other rules than those it was cut off under, and Error when the
 * task is not due: its period is not cut off, or a step before it is not done
 */
export async function runCloseTask(needs: CloseTaskNeeds, task: unknown): Promise<ClosePlan | { state: PeriodState }> {
  const { programme, period, ...asked } = CloseTask.parse(task)
  const closing = { programme, period }
  if (asked.task === 'plan') return plan(needs, closing)
  if (asked.task === 'advance') return { state: await advanceTo(needs, closing, asked.to) }
  const { state } = await existingClose(needs, closing)
  if (asked.task === 'chain-step') await chainStep(needs, closing, asked)
  else if (state !== 'published')
    throw new Error(`the close of ${period} is ${state}, and not published: ${asked.task} is not due`)
  else if (asked.task === 'judge-anew') await needs.judgeAnew()
  else await runClose(needs, closing)
  return { state }
}

/** Only a close that has reconciled nothing yet has chains to run. */
async function plan(needs: SettlementNeeds, closing: ClosingPeriod): Promise<ClosePlan> {
  const close = await existingClose(needs, closing)
  if (close.state !== 'published') await refuseOtherRating(needs.table, close)
  const none = { shuffle: [], classify: [], match: [], settle: [], members: [] }
  if (close.state !== 'cutoff') return { state: close.state, hasLargeChains: false, steps: none }
  const steps = await planChains(...(await chainsOfClose(needs, close)))
  return { state: close.state, hasLargeChains: steps.shuffle.length > 0, steps }
}

/** What is late finds the chains done already, and would do them in vain. */
async function chainStep(
  needs: SettlementNeeds,
  closing: ClosingPeriod,
  { step, partner, from, upTo }: ChainPart & { step: ChainStep },
): Promise<void> {
  const close = await existingClose(needs, closing)
  if (close.state !== 'cutoff') return
  await doChainPart(...(await chainsOfClose(needs, close)), { step, partner, from, upTo })
}

/** Needs and inputs of the runs, the same as those of the step that gathers them. */
async function chainsOfClose({ table, wallNow, sizes }: SettlementNeeds, close: CloseRecord) {
  // Which lines were accepted by hand makes no difference to what a chain's own steps give.
  const { accepted: _accepted, ...inputs } = await frozenInputs(table, await findClosingInputs(table, close))
  const closed = await finalBefore({ table }, close)
  const closedPeriods = async () => closed.map(({ period, identity }) => ({ period, identity }))
  return [{ table, sizes, closedPeriods, spillOf: closeSpill({ table, wallNow, sizes }, close) }, inputs] as const
}

const placeOf = (state: PeriodState): number => PeriodState.options.indexOf(state)

/** Takes the one step that leads to a state; a close that is there or further stays as it is. */
async function advanceTo(needs: SettlementNeeds, closing: ClosingPeriod, to: CloseStep): Promise<PeriodState> {
  let record = await existingClose(needs, closing)
  while (placeOf(record.state) < placeOf(to)) {
    if (record.state === 'published' || nextState[record.state] !== to)
      throw new Error(`the close of ${closing.period} is ${record.state}: it cannot become ${to} next`)
    record = await advance(needs, record)
  }
  return record.state
}
