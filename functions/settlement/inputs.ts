import type { Contract } from '../../schemas/contract.ts'
import type { AcceptedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { ClosingInputs, NettedOutput, PostedOutput, RatedOutput } from '../../schemas/settlement.ts'
import type { UsageCut } from '../../schemas/usage.ts'
import { genesisHash } from '../kernel/canonical.ts'
import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import type { CloseSizes } from '../reconciliation/close-spill.ts'
import { frozenHistory, type HistorySource, livePeriodHistory, type PeriodHistory } from '../reconciliation/history.ts'
import type { UsageTotal } from '../reconciliation/reconcile.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { usageHead } from '../usage/read.ts'
import { publishedCloses } from './closed-periods.ts'
import type { Past } from './compute.ts'
import { compareText } from './lines.ts'
import { type ClosingPeriod, findOutput } from './store.ts'

/** A programme as settlement sees it. */
export type Frame = { id: string; brand: string; timeZone: string; firstPeriod: Period }

/** What a close reads of other domains is handed in. */
export type SettlementNeeds = {
  table: Table
  keys: Pick<KeyRing, 'sign' | 'publicKeysFor'>
  issuer: string
  now: Now
  /** Real time, by which the database drops what a close keeps for a while. */
  wallNow: Now
  /** @throws Refusal programme-not-found */
  programmeOf: (programme: string) => Promise<Frame>
  contractsOf: (programme: string) => Promise<Contract[]>
  /** Contracts of other programmes that these partners serve. */
  foreignContractsOf?: (programme: string) => Promise<Contract[]>
  /** Every partner that may have reported usage of the programme. */
  partnersOf: (programme: string) => Promise<string[]>
  /** Entitlements as they are now, with what was captured of them. */
  historySource: HistorySource
  /** What was accepted in a period of lines that had not matched, in the order of their exceptions' ids. */
  acceptedIn: (programme: string, period: Period) => Promise<AcceptedUse[]>
  /** How a close cuts up the chains of its partners, where that is not as usual. */
  sizes?: CloseSizes
}

/** Inputs of a computation, frozen or as they are now. */
export type Inputs = {
  programme: { id: string; timeZone: string; firstPeriod: Period }
  period: Period
  cuts: UsageCut[]
  contracts: Contract[]
  foreignContracts: Contract[]
  history: PeriodHistory
  accepted: AcceptedUse[]
}

export const sortedContracts = (contracts: Contract[]): Contract[] =>
  contracts.toSorted((a, b) => compareText(a.id, b.id))

type Live = Pick<
  SettlementNeeds,
  'table' | 'contractsOf' | 'foreignContractsOf' | 'partnersOf' | 'historySource' | 'acceptedIn'
>

/** Inputs as they are now: every batch that has arrived, for a preview. */
export async function liveInputs(needs: Live, { id, timeZone, firstPeriod }: Frame, period: Period): Promise<Inputs> {
  const partners = (await needs.partnersOf(id)).toSorted(compareText)
  const cuts: UsageCut[] = []
  for (const partner of partners) {
    const head = await usageHead({ table: needs.table }, partner)
    const { sequence = 0, hash = genesisHash } = head ?? {}
    cuts.push({ programme: id, period, partner, sequence, hash })
  }
  return {
    programme: { id, timeZone, firstPeriod },
    period,
    cuts,
    contracts: sortedContracts(await needs.contractsOf(id)),
    foreignContracts: sortedContracts((await needs.foreignContractsOf?.(id)) ?? []),
    history: livePeriodHistory(needs.historySource, partners),
    accepted: await needs.acceptedIn(id, period),
  }
}

export const findClosingInputs = (
  table: Table,
  { programme, period, identity }: ClosingPeriod & { identity: string },
): Promise<ClosingInputs> => findOutput(table, { programme, period, identity, step: 'inputs' }, ClosingInputs)

/** Inputs as the cutoff froze them. */
export async function frozenInputs(table: Table, frozen: ClosingInputs): Promise<Inputs> {
  const { programme, period, cuts, contracts, foreignContracts, accepted } = frozen
  const history = await frozenHistory({ table }, { programme: programme.id, period, hash: frozen.history })
  return { programme, period, cuts, contracts, foreignContracts, accepted, history }
}

/** What the earlier closes leave to this period; while the one before is open, the last one that is published. */
export async function loadPast(
  table: Table,
  { programme, period }: ClosingPeriod,
  totals: UsageTotal[],
): Promise<Past> {
  const touched = new Set(totals.map(total => total.originPeriod).filter(origin => origin < period))
  const oldest = [...touched].toSorted(compareText)[0] ?? period
  const closes = (await publishedCloses({ table }, programme)).filter(close => close.period < period)
  const last = closes.at(-1)
  const past = {
    standings: last ? (await findOutput(table, { ...last, step: 'netted' }, NettedOutput)).standings : [],
    billed: [] as Past['billed'],
    formerContracts: new Map<Period, Contract[]>(),
  }
  for (const close of closes.filter(({ period: closed }) => closed >= oldest)) {
    const { statements } = await findOutput(table, { ...close, step: 'rated' }, RatedOutput)
    for (const { debtor, creditor, currency, lines } of statements)
      for (const line of lines.filter(({ originPeriod }) => touched.has(originPeriod)))
        past.billed.push({ debtor, creditor, currency, line })
    if (touched.has(close.period))
      past.formerContracts.set(close.period, (await findClosingInputs(table, close)).contracts)
  }
  return past
}

/** Hash of the last ledger block before a period. */
export async function lastBlockHash(table: Table, { programme, period }: ClosingPeriod): Promise<string> {
  const last = (await publishedCloses({ table }, programme)).filter(close => close.period < period).at(-1)
  return last ? (await findOutput(table, { ...last, step: 'posted' }, PostedOutput)).hash : genesisHash
}
