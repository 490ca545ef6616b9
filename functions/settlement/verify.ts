import { type Instant, Period } from '../../schemas/primitives.ts'
import type { CloseRecord, ClosingInputs, Statement } from '../../schemas/settlement.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { verifyAccepted } from '../exceptions/verify-accepted.ts'
import { periodOf, periodsBetween } from '../kernel/calendar.ts'
import { hashOf } from '../kernel/canonical.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { finalsCheck } from '../reconciliation/verify-finals.ts'
import { verifyHistory } from '../reconciliation/verify-history.ts'
import { verifyChain } from '../usage/verify-chain.ts'
import { closesOf } from './closed-periods.ts'
import { computeStatements } from './compute.ts'
import { findClosingInputs, frozenInputs, lastBlockHash, loadPast, type SettlementNeeds } from './inputs.ts'
import { blocksOf, transfersOf } from './ledger.ts'
import { net } from './netting.ts'
import { ratingVersion } from './rate.ts'
import {
  type ClosingPeriod,
  closedPeriodItems,
  closeItems,
  findClose,
  findCloses,
  ledgerItems,
  Mismatch,
} from './store.ts'
import { reconcile } from './usage.ts'
import { readable } from './verify-found.ts'
import { verifyLedger } from './verify-ledger.ts'
import { markDifferences, partitionDifferences, recordDifferences } from './verify-record.ts'
import { type ReadSigned, signedReader } from './verify-signed.ts'
import { verifyStatements } from './verify-statements.ts'

export type VerifyNeeds = {
  table: Table
  keys: Pick<SettlementNeeds['keys'], 'publicKeysFor'>
  progress?: ((line: string) => void) | undefined
}

/** How much was recomputed and compared. */
export type Checked = {
  batches: number
  lines: number
  finals: number
  statements: number
  transfers: number
  blocks: number
  signatures: number
}
export type Verification = ClosingPeriod & { identity?: string; checked: Checked; differences: string[] }

/**
 * Computes a published close again from its frozen inputs and compares it with everything that is stored.
 * @throws Mismatch that names what differs
 */
export async function verifyClose(needs: VerifyNeeds, { programme, period }: CloseRecord): Promise<void> {
  const { differences } = await verifyPeriod(needs, { programme, period })
  if (differences.length === 0) return
  const more = differences.length - mostNamed
  const named = [...differences.slice(0, mostNamed), ...(more > 0 ? [`and ${more} more`] : [])].join(', ')
  throw new Mismatch(`the close of ${programme} ${period} is not what its inputs give: ${named}`)
}

/** What an error of a Lambda tells a state machine has 32 KB; `npm run verify` names all. */
const mostNamed = 50

/**
 * Computes a closed period again from stored segments and frozen contracts, and compares every item that belongs to it,
 * attribute by attribute: what partners reported up to the cuts, what was accepted and frozen, what each step gave,
 * statements with their signatures, ledger blocks with their chain, confirmed payments and balances.
 * @throws Refusal period-not-closed
 */
export async function verifyPeriod(needs: VerifyNeeds, { programme, period }: ClosingPeriod): Promise<Verification> {
  const { table, keys, progress = () => undefined } = needs
  const checked = { batches: 0, lines: 0, finals: 0, statements: 0, transfers: 0, blocks: 0, signatures: 0 }
  const found = await readable(`close record of ${period}`, () => findClose(table, { programme, period }))
  if ('broken' in found) return { programme, period, checked, differences: [found.broken] }
  const close = found.value
  if (!close) {
    await refuseUnlessGone(table, { programme, period })
    return { programme, period, checked, differences: [`close record of ${period}`] }
  }
  const result = { programme, period, identity: close.identity, checked }
  if (close.programme !== programme || close.period !== period)
    return { ...result, differences: [`close record of ${period}`] }
  if (close.state !== 'published')
    return { ...result, differences: [`close record of ${period} (it stands at ${close.state}, not at published)`] }
  const frozen = await readable('output inputs', () => findClosingInputs(table, close))
  // Without its inputs nothing of the close can be computed.
  if ('broken' in frozen || hashOf(frozen.value) !== close.identity)
    return { ...result, differences: [await inputsOrRecord(table, close)] }
  if (frozen.value.ratingVersion !== ratingVersion)
    return {
      ...result,
      differences: [
        `rules of rating: the close was made by version ${frozen.value.ratingVersion}, this program has ${ratingVersion}; verify with a release of that time`,
      ],
    }
  const signed = await signedReader({ table, keys })
  const readSigned = signed.read
  const marks = await markDifferences(table, programme)
  const closes =
    marks.length > 0
      ? { broken: marks.join(', ') }
      : await readable('list of closed periods', () => closesOf({ table }, programme))
  const differences = [
    ...(await recordDifferences(table, close, frozen.value)),
    ...(await sourceDifferences({ table, readSigned, progress }, frozen.value, checked)),
    // What earlier closes left is found by that list.
    ...('broken' in closes
      ? [closes.broken]
      : await computedDifferences({ table, readSigned, progress }, close, frozen.value, checked)),
  ]
  for (const { kid, withdrawnAt, tokens } of signed.withdrawn()) {
    checked.signatures -= tokens
    differences.push(
      `${tokens} signatures by the key ${kid}, which was withdrawn on ${withdrawnAt}: they prove nothing any more`,
    )
  }
  return { ...result, differences: [...new Set(differences)] }
}

/** @throws Refusal period-not-closed, unless what is there says that there was a close */
async function refuseUnlessGone(table: Table, { programme, period }: ClosingPeriod): Promise<void> {
  if ((await closedPeriodItems(table, { programme, period })).length > 0) return
  for await (const { sk } of closeItems(table, { programme, period }))
    if (sk.startsWith('OUTPUT#') && sk.split('#')[2] !== 'inputs') return
  throw new Refusal('period-not-closed', `the period ${period} of ${programme} has no close yet`)
}

/** Which of the two does not fit the other: the list of closed periods also knows the identity. */
async function inputsOrRecord(table: Table, close: CloseRecord): Promise<string> {
  const [mark] = await closedPeriodItems(table, close)
  if (mark?.['identity'] === close.identity || typeof mark?.['identity'] !== 'string') return 'output inputs'
  const other = { ...close, identity: mark['identity'] }
  const frozen = await readable('output inputs', () => findClosingInputs(table, other))
  return 'value' in frozen && hashOf(frozen.value) === other.identity
    ? `close record of ${close.period}`
    : 'output inputs'
}

type Deep = { table: Table; readSigned: ReadSigned; progress: (line: string) => void }

/** What the close was computed from. */
async function sourceDifferences(
  { table, readSigned, progress }: Deep,
  { programme, period, cuts, history, accepted }: ClosingInputs,
  checked: Checked,
): Promise<string[]> {
  const differences: string[] = []
  const readReceipt = (receipt: string) => readSigned(receipt, tokenTypes.receipt)
  for (const cut of cuts) {
    const chain = await readable(`usage chain of ${cut.partner}`, () => verifyChain({ table, readReceipt }, cut))
    if ('broken' in chain) {
      differences.push(chain.broken)
      continue
    }
    const { batches, lines, receipts } = chain.value
    checked.batches += batches
    checked.lines += lines
    checked.signatures += receipts
    differences.push(...chain.value.differences)
    progress(`${cut.partner}: ${batches} batches, ${lines} lines, ${receipts} receipts`)
  }
  const of = { programme: programme.id, period }
  differences.push(...(await verifyAccepted({ table }, of, accepted)))
  differences.push(...(await verifyHistory({ table }, { ...of, hash: history })))
  return differences
}

/** What the close computed. */
async function computedDifferences(
  { table, readSigned, progress }: Deep,
  close: CloseRecord,
  frozen: ClosingInputs,
  checked: Checked,
): Promise<string[]> {
  progress('computing the period again')
  const recomputed = await readable('frozen usage, history or earlier closes', () => recompute(table, close, frozen))
  if ('broken' in recomputed) return [recomputed.broken, ...(await partitionDifferences(table, close, frozen))]
  const { usage, finals, statements, blocks, previousHash, netting } = recomputed.value
  progress(`${finals.lines} lines made final, ${statements.length} statements, ${blocks.length} ledger blocks`)
  const { dispositions, totals } = usage
  const outputs = {
    reconciled: { dispositions, totals },
    rated: { statements },
    posted: { blocks: blocks.length, hash: blocks.at(-1)?.block.hash ?? previousHash },
    netted: netting,
  }
  const signed = await verifyStatements({ table, readSigned }, close, statements)
  checked.finals += finals.lines
  checked.statements += statements.length
  checked.signatures += signed.signatures
  checked.blocks += blocks.length
  checked.transfers += blocks.reduce((sum, { transfers }) => sum + transfers.length, 0)
  return [
    ...finals.differences,
    ...(await partitionDifferences(table, close, frozen, outputs)),
    ...(await verifyLedger(table, close, blocks)),
    ...signed.differences,
  ]
}

async function recompute(table: Table, close: CloseRecord, frozen: ClosingInputs) {
  const inputs = await frozenInputs(table, frozen)
  const check = finalsCheck({ table }, close)
  const usage = await reconcile({ table }, inputs, check.compare)
  const finals = await check.end()
  const past = await loadPast(table, close, usage.totals)
  const statements: Statement[] = computeStatements({ ...inputs, totals: usage.totals, past })
  const previousHash = await lastBlockHash(table, close)
  const blocks = blocksOf(close.programme, close.period, statements.flatMap(transfersOf), previousHash)
  const netting = net(statements, inputs.contracts, past.standings, frozen.programme.brand)
  return { usage, finals, statements, blocks, previousHash, netting }
}

/** Periods that are closed or of which anything says so, oldest first: also one whose record or mark somebody took away. */
export async function periodsToVerify(
  { table }: { table: Table },
  { id: programme, firstPeriod, timeZone }: { id: string; firstPeriod: Period; timeZone: string },
  now: Instant,
): Promise<Period[]> {
  const periods = new Set((await closedPeriodItems(table, { programme })).map(({ sk }) => sk))
  for await (const { sk } of ledgerItems(table, programme, 'BLOCK#')) periods.add(sk.split('#')[1] ?? '')
  const months = periodsBetween(firstPeriod, periodOf(now, timeZone)).map(period => ({ programme, period }))
  for (const { period } of await findCloses(table, months)) periods.add(period)
  return [...periods].filter((period): period is Period => Period.safeParse(period).success).sort()
}
