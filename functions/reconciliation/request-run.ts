import type { Instant } from '../../schemas/primitives.ts'
import type { ProvisionalRequest, ProvisionalRun } from '../../schemas/usage-view.ts'
import { isBefore, plusSeconds } from '../kernel/clock.ts'
import { againOnConflict } from '../kernel/table.ts'
import { usageHead } from '../usage/read.ts'
import { type ChainNeeds, type PresentInputs, presentInputs } from './chain-inputs.ts'
import { findRequest, findRun, lateCaptureCount, putLateCaptures, putRequest } from './provisional-store.ts'

/** Whether a run has seen all batches, and judged them as they would be now. */
export const isWhole = (run: ProvisionalRun, { upTo, basis }: Pick<PresentInputs, 'upTo' | 'basis'>): boolean =>
  run.state === 'whole' && run.upTo >= upTo && run.basis === basis

/**
 * Has a partner's chain judged again by the stream's consumer, if it was judged otherwise than it would be now: no batch
 * tells of a close or of other contracts.
 */
export async function requestRun(needs: ChainNeeds, partner: string): Promise<void> {
  const head = await usageHead(needs, partner)
  if (!head || head.sequence === 0) return
  const inputs = await presentInputs(needs, { partner, upTo: head.sequence })
  const run = await findRun(needs.table, partner)
  if (!run || !isWhole(run, inputs)) await askForRun(needs, inputs, run)
}

/**
 * Has a partner's chain judged again after the capture of a redemption that one of its events names already. Told twice,
 * it is judged twice, with the same result.
 */
export async function noteLateCapture(needs: ChainNeeds, partner: string): Promise<void> {
  const { table } = needs
  await againOnConflict(async () => putLateCaptures(table, partner, await lateCaptureCount(table, partner)))
  await requestRun(needs, partner)
}

/** Longer than the stream's consumer may work at a time: whoever began before that will not end. */
const deadAfterSeconds = 20 * 60

/**
 * Asks for another run where the last one is not enough, once for each that was seen. One that still writes is waited
 * for, and one that was asked for too; either may have died, so that the next one is asked for after a while.
 */
export async function askForRun(
  { table, wallNow }: Pick<ChainNeeds, 'table' | 'wallNow'>,
  { partner, basis, upTo }: Pick<PresentInputs, 'partner' | 'basis' | 'upTo'>,
  run: ProvisionalRun | undefined,
): Promise<void> {
  const askedAt = wallNow()
  const mayLive = (since: Instant) => isBefore(askedAt, plusSeconds(since, deadAfterSeconds))
  if (run?.state === 'writing' && run.basis === basis && mayLive(run.startedAt)) return
  const request = { partner, basis, upTo, version: run?.version ?? 0, askedAt }
  const last = await findRequest(table, partner)
  if (!last || !isSame(last, request) || !mayLive(last.askedAt)) await putRequest(table, request)
}

const isSame = (a: ProvisionalRequest, b: ProvisionalRequest): boolean =>
  a.basis === b.basis && a.upTo === b.upTo && a.version === b.version
