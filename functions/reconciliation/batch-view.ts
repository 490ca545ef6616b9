import type { Contract } from '../../schemas/contract.ts'
import type { BatchView, LineDisposition, LineOutcome } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Manifest } from '../../schemas/usage.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import { notACursor, Refusal } from '../kernel/refusal.ts'
import type { Page, Table } from '../kernel/table.ts'
import { eachLine, findBatch } from '../usage/read.ts'
import { laterOf } from './accounting.ts'
import { lineKey } from './classify.ts'
import { type ClosedPeriods, finalsThrough } from './finals.ts'
import { countsOf } from './reconcile.ts'
import { type Programme, reconcileLines } from './reconcile-lines.ts'

export type BatchViewNeeds = {
  table: Table
  /** Every entitlement that ever was at the partner, of all programmes, by id. */
  entitlementsOfPartner: (partner: string) => Promise<Map<string, Entitlement>>
  contractsOf: (programme: string) => Promise<Contract[]>
  programmeOf: (programme: string) => Promise<Programme>
  closedPeriods: ClosedPeriods
}
type BatchName = { partner: string; id: string }

/** @throws Refusal batch-not-found, also for another partner's batch */
export async function viewBatch(needs: BatchViewNeeds, name: BatchName): Promise<BatchView> {
  const manifest = await manifestOf(needs, name)
  const { id, sequence, lines, receivedAt, digest, previousHash } = manifest
  const dispositions = countsOf(await dispositionsOf(needs, manifest))
  return { id, sequence, lines, receivedAt, digest, previousHash, dispositions }
}

/** @throws Refusal batch-not-found; invalid-request for a cursor that no page gave */
export async function batchDispositions(
  needs: BatchViewNeeds,
  { limit, cursor, ...name }: BatchName & { limit: number; cursor?: string | undefined },
): Promise<Page<LineDisposition>> {
  const after = cursor === undefined ? 0 : lineOfCursor(cursor)
  const manifest = await manifestOf(needs, name)
  const all = await dispositionsOf(needs, manifest)
  const items = all.slice(after, after + limit)
  return { items, ...(after + limit < all.length && { next: cursorOfLine(after + limit) }) }
}

async function manifestOf({ table }: BatchViewNeeds, name: BatchName): Promise<Manifest> {
  const manifest = await findBatch({ table }, name)
  if (!manifest) throw new Refusal('batch-not-found')
  return manifest
}

/** A cursor is the number of the last line shown, opaque to the caller. */
const cursorOfLine = (line: number): string => Buffer.from(`line ${line}`).toString('base64url')

function lineOfCursor(cursor: string): number {
  const line = Number(/^line ([1-9]\d{0,5})$/.exec(Buffer.from(cursor, 'base64url').toString())?.[1])
  if (!line || cursorOfLine(line) !== cursor) throw notACursor()
  return line
}

/**
 * Every line of a batch with its disposition: as the close left it where that has happened, otherwise as the closes to
 * come would have it if no more lines arrived.
 */
async function dispositionsOf(needs: BatchViewNeeds, { partner, sequence }: Manifest): Promise<LineDisposition[]> {
  const entitlements = await needs.entitlementsOfPartner(partner)
  const ids = [...new Set(Array.from(entitlements.values(), ({ programme }) => programme))].sort()
  const programmes = await Promise.all(ids.map(id => programmeState(needs, id)))
  const contracts = (await Promise.all(ids.map(id => needs.contractsOf(id)))).flat()
  const finals = await Promise.all(ids.map(id => finalsThrough(needs, id, partner)))
  const finalByLine = new Map(finals.flat().map(outcome => [lineKey(outcome), outcome]))
  const lines = await Array.fromAsync(eachLine(needs, { partner }))
  const fresh = reconcileLines(lines, { entitlements, contracts, programmes, finals: finalByLine })
  const inBatch = (outcome: LineOutcome) => outcome.sequence === sequence
  return [
    ...[...finalByLine.values()].filter(inBatch).map(outcome => lineDisposition(outcome, true)),
    ...fresh.filter(inBatch).map(outcome => lineDisposition(outcome, false)),
  ].sort((a, b) => a.line - b.line)
}

async function programmeState({ programmeOf, closedPeriods }: BatchViewNeeds, id: string) {
  const [programme, closed] = await Promise.all([programmeOf(id), closedPeriods(id)])
  const openFrom = closed.map(({ period }) => nextPeriod(period)).reduce(laterOf, programme.firstPeriod)
  return { ...programme, openFrom }
}

const lineDisposition = ({ line, id, disposition }: LineOutcome, final: boolean): LineDisposition => ({
  line,
  ...(id !== undefined && { id }),
  disposition,
  final,
})
