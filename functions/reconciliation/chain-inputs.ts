import type { Contract } from '../../schemas/contract.ts'
import type { CapturedRedemption } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { EntitlementId } from '../../schemas/ids.ts'
import type { Period } from '../../schemas/primitives.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import { hashOf } from '../kernel/canonical.ts'
import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { laterOf } from './accounting.ts'
import type { ChainInputs } from './chain-run.ts'
import { type ClosedPeriods, finalsOfChain } from './finals.ts'
import { type HistorySource, liveHistory } from './history.ts'
import { lateCaptureCount } from './provisional-store.ts'
import type { Programme } from './reconcile-lines.ts'

export type ChainNeeds = {
  table: Table
  /** All there are: a chain may name entitlements of any. */
  programmes: () => Promise<Programme[]>
  contractsOf: (programme: string) => Promise<Contract[]>
  closedPeriods: ClosedPeriods
  /** All entitlements of a partner, for a run over a long chain. */
  historySource: HistorySource
  /** Those of the ids that exist at the partner, by id. */
  entitlementsById: (partner: string, ids: Iterable<string>) => Promise<Map<string, Entitlement>>
  /** Those of the partner's redemptions of these ids that are captured. */
  capturedByIds: (partner: string, redemptionIds: Iterable<string>) => Promise<Captured[]>
  /** Real time, in which runs work and die. */
  wallNow: Now
  /** Up to which size a chain is judged at once. */
  shortChain?: ShortChain
}
type Captured = CapturedRedemption & { entitlement: EntitlementId }

export type ShortChain = { lines: number; batches: number }

/** What a partner's chain is judged by at present, and its hash: runs of one basis differ only by the batches they saw. */
export type PresentInputs = ChainInputs & {
  basis: string
  /** What a short chain names, looked up one by one. */
  entitlementsById: (ids: Iterable<string>) => Promise<Map<string, Entitlement>>
  capturedByIds: (redemptionIds: Iterable<string>) => Promise<Captured[]>
}

/** A change of what is stored, or of how lines are judged, makes a new basis. */
const rulesVersion = 1

/** Everything that the dispositions of a partner's chain depend on, as it is now. */
export async function presentInputs(
  needs: ChainNeeds,
  { partner, upTo }: { partner: string; upTo: number },
): Promise<PresentInputs> {
  const lateCaptures = await lateCaptureCount(needs.table, partner)
  const states = await Promise.all((await needs.programmes()).map(programme => programmeState(needs, programme)))
  const known = states.toSorted((a, b) => (a.programme.id < b.programme.id ? -1 : 1))
  const contracts = known.flatMap(({ contracts: own }) => own)
  const basis = hashOf({
    rulesVersion,
    lateCaptures,
    contracts: contracts.map(({ id, version }) => ({ id, version })).sort((a, b) => (a.id < b.id ? -1 : 1)),
    programmes: known.map(({ programme, closed }) => ({ ...frameOf(programme), closed })),
  })
  const closes = known.flatMap(({ programme: { id }, closed }) => closed.map(close => ({ programme: id, ...close })))
  return {
    partner,
    upTo,
    basis,
    programmes: known.map(({ programme }) => programme),
    contracts,
    history: liveHistory(needs.historySource, partner),
    entitlementsById: ids => needs.entitlementsById(partner, ids),
    capturedByIds: ids => needs.capturedByIds(partner, ids),
    finals: finalsOfChain(needs, closes, partner),
  }
}

const frameOf = ({ id, timeZone, firstPeriod }: Programme) => ({ id, timeZone, firstPeriod })

async function programmeState(needs: ChainNeeds, programme: Programme) {
  const [contracts, closed] = await Promise.all([needs.contractsOf(programme.id), needs.closedPeriods(programme.id)])
  const openFrom: Period = closed.map(({ period }) => nextPeriod(period)).reduce(laterOf, programme.firstPeriod)
  return { programme: { ...frameOf(programme), openFrom }, contracts, closed }
}
