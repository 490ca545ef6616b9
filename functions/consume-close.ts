import { type CloseExecution, type ClosePlan, CloseTask } from '../schemas/close-task.ts'
import type { PeriodState } from '../schemas/settlement.ts'
import type { Services } from './connect.ts'
import { settlementNeeds, usageNeeds } from './gateway-needs.ts'
import { requestRun } from './reconciliation/request-run.ts'
import { runClose } from './settlement/close.ts'
import { runCloseTask } from './settlement/close-task.ts'
import { type AskedClose, executionName, startCloseMachine } from './settlement/machine.ts'

/** A close as its record on the stream tells of it. */
type Asked = AskedClose & { state: string | undefined }

/**
 * Carries a close that has frozen its inputs, or that somebody asked for again, to its published statements, or verifies
 * one that is published. Where there is a state machine for it, it is started; elsewhere the steps are done here.
 */
export async function followClose(services: Services, { state, ...asked }: Asked): Promise<void> {
  const { programme, period, requests } = asked
  const closing = { programme, period }
  const { CLOSE_MACHINE_ARN: machine, STATES_ENDPOINT: endpoint } = services.config
  if (machine) {
    const execution = executionName(asked)
    const outcome = await startCloseMachine({ machine, ...(endpoint && { endpoint }) }, execution, closing)
    const event = outcome === 'started' ? 'close-started' : 'close-started-before'
    services.log('info', event, { ...closing, requests, execution })
    return
  }
  if (state === 'published') return verifyAgain(services, closing)
  const closed = await runClose(settlementNeeds(services), closing)
  services.log('info', 'period-closed', { ...closing, state: closed.state })
  await judgeAnew(services)
}

/** What is final or under contract now is told to each partner's exceptions and stored views, one stream record a partner. */
export async function judgeAnew(services: Services): Promise<void> {
  for (const partner of await settlementNeeds(services).partnersOf()) await requestRun(usageNeeds(services), partner)
}

/** A published period that is closed again is computed again: what differs was tampered with, and is named for all to see. */
async function verifyAgain(services: Services, closing: CloseExecution): Promise<void> {
  try {
    await runClose(settlementNeeds(services), closing)
    services.log('info', 'close-verified', closing)
  } catch (error) {
    if (!isMismatch(error)) throw error
    services.log('error', 'close-does-not-verify', { ...closing, difference: error.message })
  }
}

const isMismatch = (error: unknown): error is Error => error instanceof Error && error.name === 'Mismatch'

/** Does the tasks of the state machine. What fails is told to the machine, which tries again or ends. */
export function closeTasks(services: Services): (task: unknown) => Promise<ClosePlan | { state: PeriodState }> {
  const needs = { ...settlementNeeds(services), judgeAnew: () => judgeAnew(services) }
  return async task => {
    try {
      const done = await runCloseTask(needs, task)
      const { task: name, ...about } = CloseTask.parse(task)
      services.log('info', 'close-task', { ...about, name, state: done.state })
      return done
    } catch (error) {
      if (isMismatch(error)) services.log('error', 'close-does-not-verify', { difference: error.message })
      throw error
    }
  }
}
