import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import { type ExceptionNotes, type ExceptionRecord, exceptionLimits } from '../../schemas/exception.ts'
import { EntitlementId } from '../../schemas/ids.ts'
import { contractsOf } from '../contracts/apply-contract.ts'
import { entitlementsById } from '../entitlements/history.ts'
import type { Now } from '../kernel/clock.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { eachLine } from '../usage/read.ts'
import { errorsOf, evidenceOf, type Grounds } from './evidence.ts'
import type { BatchFindings, Finding } from './finding.ts'
import { type Draft, groupFindings } from './group.ts'
import { type Change, drafted, isOwned, reviewed, takenNames, unowned } from './plan.ts'
import { commitChanges, exceptionsOfBatch, findNotes } from './store.ts'
import { traitsOf } from './traits.ts'

export type { BatchFindings, Finding } from './finding.ts'
export type NoteNeeds = { table: Table; now: Now }

/**
 * Records what is exceptional in a batch now: opens what is new, follows what has changed, and removes what is no
 * exception any more. What somebody has acted on keeps its lines and only gets a note in its trail; what a close made
 * final stays as it is. The same findings again change nothing, and those of an older run that comes late are passed
 * over.
 */
export const noteExceptions = (needs: NoteNeeds, batch: BatchFindings): Promise<void> =>
  againOnConflict(() => noteOnce(needs, batch))

async function noteOnce(needs: NoteNeeds, batch: BatchFindings): Promise<void> {
  const { table, now } = needs
  const { partner, sequence, findings, upTo = sequence } = batch
  const before = await findNotes(table, batch)
  if (before ? before.upTo > upTo : findings.length === 0) return
  const there = before ? await exceptionsOfBatch(table, batch) : []
  const at = now()
  const reviews = there.filter(isOwned).map(record => ({ before: record, after: reviewed(record, findings, at) }))
  const open = new Map(there.filter(record => !isOwned(record)).map(record => [record.id, record]))
  const { drafts, subject } = await draftsOf(needs, batch, there, open)
  const standing = drafts.map(draft => changeOf(open.get(draft.id), drafted(draft, open.get(draft.id), subject, at)))
  const named = new Set(drafts.map(({ id }) => id))
  const gone = [...open.values()].filter(({ id }) => !named.has(id)).map(record => ({ before: record }))
  const all: Change[] = [...reviews, ...gone, ...standing]
  const changes = all.filter(change => change.before !== change.after)
  if (changes.length === 0 && before?.upTo === upTo) return
  const notes: ExceptionNotes = { partner, sequence, version: (before?.version ?? 0) + 1, upTo }
  await commitChanges(table, changes.toSorted(createdLast), notes, before)
}

const changeOf = (before: ExceptionRecord | undefined, after: ExceptionRecord): Change => ({
  ...(before && { before }),
  after,
})

/** A line never has two exceptions: what gives lines up goes before what takes them. */
const createdLast = (a: Change, b: Change): number => placeOf(a) - placeOf(b)
const placeOf = ({ before, after }: Change): number => (before ? (after ? 1 : 0) : 2)

type Drafting = { drafts: Draft[]; subject: Parameters<typeof drafted>[2] }

async function draftsOf(
  needs: NoteNeeds,
  batch: BatchFindings,
  there: ExceptionRecord[],
  open: ReadonlyMap<string, ExceptionRecord>,
): Promise<Drafting> {
  const findings = unowned(batch.findings, there).sort((a, b) => a.line - b.line)
  const grounds = await groundsOf(needs, batch, findings)
  // A cause may need them, and so does what tells the lines of a group apart.
  const ofReasons = [...Map.groupBy(findings, ({ disposition }) => disposition)]
  const explaining = ofReasons.filter(([reason, own]) => reason === 'over-quota' || own.length > exceptionLimits.single)
  await addEntitlements(
    needs,
    batch,
    explaining.flatMap(([, own]) => own),
    grounds,
  )
  const { partner, sequence } = batch
  const drafts = groupFindings(findings, {
    partner,
    sequence,
    taken: takenNames(there),
    traitOf: traitsOf(grounds),
    ...grounds,
  })
  // What is explained already stands with its evidence, unless its first line is another.
  const firsts = drafts.flatMap(({ id, findings: [first] }) =>
    open.get(id)?.evidence.line === first.line && open.get(id)?.reason === first.disposition ? [] : [first],
  )
  await addEntitlements(needs, batch, firsts, grounds)
  await addEarlier(needs, batch, firsts, grounds)
  const currencies = await currenciesOf(needs, findings)
  const explained = new Map([...open.values()].map(record => [record.evidence.line, record]))
  return {
    drafts,
    subject: {
      ...batch,
      currencyOf: programme => currencies.get(programme),
      evidenceOf(finding) {
        const known = explained.get(finding.line)
        return known?.reason === finding.disposition ? known.evidence : evidenceOf(finding, grounds)
      },
    },
  }
}

type Gathered = Grounds & {
  errors: Map<number, ReturnType<typeof errorsOf>>
  entitlements: Map<string, HistoryEntry>
  earlier: Map<number, { sequence: number; line: number }>
}

async function groundsOf(
  { table }: NoteNeeds,
  { partner, sequence }: BatchFindings,
  findings: Finding[],
): Promise<Gathered> {
  const wanted = new Map(findings.map(finding => [finding.line, finding]))
  const lines: Gathered['lines'] & Map<number, { text: string }> = new Map()
  const errors: Gathered['errors'] = new Map()
  if (wanted.size > 0)
    for await (const line of eachLine({ table }, { partner, from: sequence, upTo: sequence })) {
      const finding = wanted.get(line.line)
      if (finding) lines.set(line.line, { text: line.text })
      if (finding?.disposition === 'malformed') errors.set(line.line, errorsOf(line))
    }
  const contracts = new Map<string, readonly Contract[]>()
  for (const programme of programmesOf(findings)) contracts.set(programme, await contractsOf({ table }, programme))
  return { lines, errors, contractsOf: contracts, entitlements: new Map(), earlier: new Map() }
}

const programmesOf = (findings: Finding[]): Set<string> =>
  new Set(findings.flatMap(({ programme }) => (programme === undefined ? [] : [programme])))

async function currenciesOf({ table }: NoteNeeds, findings: Finding[]): Promise<Map<string, string>> {
  const currencies = new Map<string, string>()
  for (const programme of programmesOf(findings))
    currencies.set(programme, (await findProgramme({ table }, programme)).currency)
  return currencies
}

/** Of an id that is none of ours there is nothing to find. */
async function addEntitlements(
  { table }: NoteNeeds,
  { partner }: BatchFindings,
  findings: Finding[],
  { entitlements }: Gathered,
): Promise<void> {
  const ids = findings.flatMap(({ event }) =>
    event && !entitlements.has(event.entitlementId) && EntitlementId.safeParse(event.entitlementId).success
      ? [event.entitlementId]
      : [],
  )
  for (const [id, found] of await entitlementsById({ table }, partner, ids)) entitlements.set(id, found)
}

/** How far back the earlier line of a conflict is looked for where the caller does not know it. */
const searchedBatches = 20
const searchedLines = 50_000

async function addEarlier(
  { table }: NoteNeeds,
  { partner, sequence }: BatchFindings,
  findings: Finding[],
  { earlier }: Gathered,
): Promise<void> {
  const conflicts = findings.filter(({ disposition }) => disposition === 'conflict')
  for (const finding of conflicts) if (finding.earlier) earlier.set(finding.line, finding.earlier)
  const unknown = new Map(
    conflicts.flatMap(({ event, line, earlier: known }) => (event && !known ? [[event.id, line] as const] : [])),
  )
  if (unknown.size === 0) return
  let read = 0
  const from = Math.max(1, sequence - searchedBatches + 1)
  for await (const { event, ...place } of eachLine({ table }, { partner, from, upTo: sequence })) {
    if (unknown.size === 0 || read++ >= searchedLines) return
    const line = event && unknown.get(event.id)
    if (!event || line === undefined || (place.sequence === sequence && place.line >= line)) continue
    earlier.set(line, { sequence: place.sequence, line: place.line })
    unknown.delete(event.id)
  }
}
