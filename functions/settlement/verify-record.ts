import type * as z from 'zod'
import {
  type CloseRecord,
  ClosingInputs,
  NettedOutput,
  PostedOutput,
  RatedOutput,
  ReconciledOutput,
} from '../../schemas/settlement.ts'
import { periodBounds } from '../kernel/calendar.ts'
import { genesisHash } from '../kernel/canonical.ts'
import { isBefore } from '../kernel/clock.ts'
import { type AnyItem, isSameItem, type Table } from '../kernel/table.ts'
import { manifestOf } from '../usage/read.ts'
import { cutItem, cutOfItem } from '../usage/verify-chain.ts'
import { outputOf } from './steps.ts'
import { type ClosingPeriod, closedPeriodItems, closeItems, closeRecords, outputItems } from './store.ts'
import { itemDifferences, placeOf } from './verify-found.ts'

type Outputs = {
  reconciled: z.input<typeof ReconciledOutput>
  rated: z.input<typeof RatedOutput>
  posted: z.input<typeof PostedOutput>
  netted: z.input<typeof NettedOutput>
}

const nameOfClose = ({ period }: ClosingPeriod): string => `close record of ${period}`

/** The close's own record, and its mark in the list of closed periods. */
export async function recordDifferences(table: Table, close: CloseRecord, inputs: ClosingInputs): Promise<string[]> {
  const { programme, period, identity, state, cutoffAt, changedAt } = close
  const marks = await closedPeriodItems(table, close)
  const { until } = periodBounds(period, inputs.programme.timeZone)
  const isInTime = !isBefore(cutoffAt, until) && !isBefore(changedAt, cutoffAt)
  const isOf = inputs.programme.id === programme && inputs.period === period
  return [
    ...(state === 'published' && isInTime && isOf ? [] : [nameOfClose(close)]),
    ...itemDifferences(
      marks,
      [closeRecords.closedPeriod({ programme, period, identity })],
      () => `mark that ${period} is closed`,
    ),
  ]
}

/** The programme's marks of closed periods: with one that names another place than its own, no list of closes is right. */
export async function markDifferences(table: Table, programme: string): Promise<string[]> {
  const items = await closedPeriodItems(table, { programme })
  return items
    .filter(item => {
      const mark = closeRecords.closedPeriodIn(item)
      return !mark || mark.period !== item.sk || !isSameItem(item, closeRecords.closedPeriod({ ...mark, programme }))
    })
    .map(({ sk }) => `mark that ${sk} is closed`)
}

/** Everything in the close's partition except frozen history and final dispositions. */
export async function partitionDifferences(
  table: Table,
  close: CloseRecord,
  inputs: ClosingInputs,
  outputs?: Outputs,
): Promise<string[]> {
  const found = await Array.fromAsync(closeItems(table, close))
  const expected = [
    closeRecords.close(askedSince(found, close)),
    ...inputs.cuts.map(cutItem),
    ...outputItems(outputOf(close, 'inputs'), ClosingInputs, inputs),
    ...(outputs
      ? [
          ...outputItems(outputOf(close, 'reconciled'), ReconciledOutput, outputs.reconciled),
          ...outputItems(outputOf(close, 'rated'), RatedOutput, outputs.rated),
          ...outputItems(outputOf(close, 'posted'), PostedOutput, outputs.posted),
          ...outputItems(outputOf(close, 'netted'), NettedOutput, outputs.netted),
        ]
      : []),
  ]
  const ours: AnyItem[] = []
  for (const item of found) {
    const isComputed = item.sk.startsWith('OUTPUT#') && item.sk.split('#')[2] !== 'inputs'
    if ((outputs || !isComputed) && !(await isLeftOver(table, close, inputs, item))) ours.push(item)
  }
  return itemDifferences(ours, expected, item => nameOf(close, item))
}

/** Whoever asks for the close meanwhile counts its record up: all else of it stands as it was read first. */
function askedSince(found: readonly AnyItem[], close: CloseRecord): CloseRecord {
  const head = found.find(({ sk }) => sk === 'HEAD')
  const now = head && closeRecords.closeIn(head)
  const isThisClose =
    now &&
    now.programme === close.programme &&
    now.period === close.period &&
    now.identity === close.identity &&
    now.state === close.state &&
    now.cutoffAt === close.cutoffAt &&
    now.version >= close.version
  return isThisClose ? now : close
}

/**
 * A cutoff that somebody else was quicker than leaves its inputs under their own identity, and cuts of partners that
 * joined meanwhile, each a true place in its partner's chain. No close names them.
 */
async function isLeftOver(table: Table, close: CloseRecord, { cuts }: ClosingInputs, item: AnyItem): Promise<boolean> {
  const [kind, name = '', step] = item.sk.split('#')
  if (kind === 'OUTPUT') return step === 'inputs' && !close.identity.startsWith(name)
  if (kind !== 'CUT' || cuts.some(({ partner }) => partner === name)) return false
  const cut = cutOfItem(item)
  if (!cut || cut.programme !== close.programme || cut.period !== close.period || !isSameItem(item, cutItem(cut)))
    return false
  const { partner, sequence, hash } = cut
  if (sequence === 0) return hash === genesisHash
  return (await manifestOf({ table }, { partner, sequence }))?.hash === hash
}

function nameOf(close: CloseRecord, item: AnyItem): string {
  const [kind, name = '', step = ''] = item.sk.split('#')
  if (kind === 'HEAD') return nameOfClose(close)
  if (kind === 'CUT') return `usage cut of ${name}`
  return kind === 'OUTPUT' && close.identity.startsWith(name) ? `output ${step} of ${close.period}` : placeOf(item)
}
