import type { Period } from '../../schemas/primitives.ts'
import { type CloseRecord, ClosingInputs } from '../../schemas/settlement.ts'
import { acceptedCutoff } from '../exceptions/accepted.ts'
import { periodBounds } from '../kernel/calendar.ts'
import { genesisHash, hashOf } from '../kernel/canonical.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, Conflict } from '../kernel/table.ts'
import { freezeHistory } from '../reconciliation/freeze-history.ts'
import { cutUsage } from '../usage/cut.ts'
import { closesOf } from './closed-periods.ts'
import { type Frame, findClosingInputs, type SettlementNeeds, sortedContracts } from './inputs.ts'
import { compareText } from './lines.ts'
import { findPaymentChain } from './payment-store.ts'
import { ratingVersion } from './rate.ts'
import { nextState, steps } from './steps.ts'
import { type ClosingPeriod, createClose, findClose, replaceClose, storeOutput } from './store.ts'
import { verifyClose } from './verify.ts'

/**
 * Cuts a period off, which closes it for good. The first to commit wins: whoever comes later gets that close. Asking
 * for a close that stands still moves it on.
 * @throws Refusal programme-not-found, period-not-found, period-not-over, earlier-period-open
 */
export async function requestClose(needs: SettlementNeeds, closing: ClosingPeriod): Promise<CloseRecord> {
  const { table, now } = needs
  const frame = await needs.programmeOf(closing.programme)
  const { period } = closing
  if (period < frame.firstPeriod)
    throw new Refusal('period-not-found', `the programme's first period is ${frame.firstPeriod}`)
  const found = await findClose(table, closing)
  if (found) return askAgain(needs, found)

  const { until } = periodBounds(period, frame.timeZone)
  if (isBefore(now(), until)) throw new Refusal('period-not-over', `the period ${period} ends at ${until}`)
  const before = (await closesOf({ table }, frame.id)).filter(close => close.period < period).at(-1)
  const open = before?.state !== 'published' && period > frame.firstPeriod
  if (open || (before && isGap(before.period, period)))
    throw new Refusal('earlier-period-open', `every period before ${period} must be closed and published first`)
  return againOnConflict(() => cutOff(needs, frame, period, before?.identity))
}

const isGap = (before: Period, period: Period): boolean =>
  periodBounds(before, 'UTC').until !== periodBounds(period, 'UTC').from

async function askAgain({ table, now }: SettlementNeeds, record: CloseRecord): Promise<CloseRecord> {
  const { version, requests } = record
  const after = { ...record, version: version + 1, requests: requests + 1, changedAt: now() }
  try {
    await replaceClose(table, record, after)
    return after
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    return existing(table, record)
  }
}

/**
 * Freezes manifests, entitlement history, contracts and rating version; their hash is the close's identity.
 * @throws Conflict when somebody accepted an exception in the period meanwhile: it begins again, with that one
 */
async function cutOff(
  { table, now, partnersOf, contractsOf, foreignContractsOf, historySource, acceptedIn }: SettlementNeeds,
  { id: programme, brand, timeZone, firstPeriod }: Frame,
  period: Period,
  previous: string | undefined,
): Promise<CloseRecord> {
  const acceptances = await acceptedCutoff({ table }, { programme, period })
  // What was accepted is read before contracts and batches: whatever it names is among them.
  const accepted = await acceptedIn(programme, period)
  const partners = (await partnersOf(programme)).toSorted(compareText)
  // Usage is cut before entitlements are read: every event within the cut finds the entitlement it names.
  const cuts = await cutUsage({ table }, { programme, period, partners })
  const inputs = ClosingInputs.parse({
    programme: { id: programme, brand, timeZone, firstPeriod },
    period,
    cuts: cuts.toSorted((a, b) => compareText(a.partner, b.partner)),
    history: await freezeHistory({ table }, { programme, period, partners, source: historySource }),
    contracts: sortedContracts(await contractsOf(programme)),
    foreignContracts: sortedContracts((await foreignContractsOf?.(programme)) ?? []),
    accepted,
    payments: await confirmedSoFar(table, programme),
    ...(previous !== undefined && { previous }),
    ratingVersion,
  })
  const identity = hashOf(inputs)
  await storeOutput(table, { programme, period, identity, step: 'inputs' }, ClosingInputs, inputs)
  const at = now()
  const record: CloseRecord = {
    programme,
    period,
    state: 'cutoff',
    identity,
    version: 1,
    requests: 1,
    cutoffAt: at,
    changedAt: at,
  }
  try {
    await createClose(table, record, [acceptances])
    return record
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    return existing(table, record)
  }
}

/** Nothing of it can be taken away later without the close telling. */
async function confirmedSoFar(table: SettlementNeeds['table'], programme: string): Promise<ClosingInputs['payments']> {
  const { version = 0, hash = genesisHash } = (await findPaymentChain(table, programme)) ?? {}
  return { blocks: version, hash }
}

/** @throws Conflict when there is none after all: a rival was in the way, and the caller may try again */
async function existing(table: SettlementNeeds['table'], closing: ClosingPeriod): Promise<CloseRecord> {
  const record = await findClose(table, closing)
  if (!record) throw new Conflict([])
  return record
}

/**
 * Runs a close from where it stands to the end, or verifies one that is published. Every step writes create-only what
 * its inputs give, so that a crash resumes and two at once do the same thing once.
 * @throws Error that names what differs when stored items are not what the inputs give
 */
export async function runClose(needs: SettlementNeeds, closing: ClosingPeriod): Promise<CloseRecord> {
  let record = await existingClose(needs, closing)
  if (record.state === 'published') await verifyClose(needs, record)
  while (record.state !== 'published') record = await advance(needs, record)
  return record
}

export async function existingClose({ table }: SettlementNeeds, closing: ClosingPeriod): Promise<CloseRecord> {
  const record = await findClose(table, closing)
  if (!record) throw new Error(`the period ${closing.period} of ${closing.programme} has not been cut off`)
  return record
}

/**
 * One step, from where the close stands; it may be repeated.
 * @throws OtherRatingVersion when the close was cut off under rules that this release does not have
 */
export async function advance(needs: SettlementNeeds, record: CloseRecord): Promise<CloseRecord> {
  const { state } = record
  if (state === 'published') return record
  await refuseOtherRating(needs.table, record)
  await steps[state](needs, record)
  // Whoever asks meanwhile changes the record, and not what the step has stored: only the record is written once more.
  return againOnConflict(async () => {
    const there = await existingClose(needs, record)
    if (there.state !== state) return there
    const after = { ...there, state: nextState[state], version: there.version + 1, changedAt: needs.now() }
    await replaceClose(needs.table, there, after)
    return after
  }, recordAttempts)
}

const recordAttempts = 10

/** That a close was cut off under rules of rating that this release does not have. To repeat it changes nothing. */
export class OtherRatingVersion extends Error {
  constructor(frozen: string) {
    super(
      `this close was cut off under rating version ${frozen}; deploy a release of that version, not ${ratingVersion}`,
    )
    this.name = 'OtherRatingVersion'
  }
}

/** @throws OtherRatingVersion */
export async function refuseOtherRating(table: SettlementNeeds['table'], close: CloseRecord): Promise<void> {
  const { ratingVersion: frozen } = await findClosingInputs(table, close)
  if (frozen !== ratingVersion) throw new OtherRatingVersion(frozen)
}
