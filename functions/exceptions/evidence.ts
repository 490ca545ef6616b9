import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import { type Evidence, exceptionLimits } from '../../schemas/exception.ts'
import type { PointedError } from '../../schemas/usage.ts'
import { parseLine } from '../usage/parse.ts'
import type { ReceivedLine } from '../usage/read.ts'
import type { Finding } from './finding.ts'
import { quotaPeriod } from './group.ts'

/** What a batch's exceptions are explained with. */
export type Grounds = {
  lines: ReadonlyMap<number, Pick<ReceivedLine, 'text'>>
  errors: ReadonlyMap<number, PointedError[]>
  /** The partner's own ones only, by id. */
  entitlements: ReadonlyMap<string, HistoryEntry>
  contractsOf: ReadonlyMap<string, readonly Contract[]>
  /** Where each conflicting id came before, by line. */
  earlier: ReadonlyMap<number, { sequence: number; line: number }>
}

/** What speaks for a line's disposition. Whether a subject fits is said, never which one would. */
export function evidenceOf(finding: Finding, grounds: Grounds): Evidence {
  const { line, disposition, event, programme } = finding
  const entitlement = event && grounds.entitlements.get(event.entitlementId)
  const earlier = disposition === 'conflict' ? grounds.earlier.get(line) : undefined
  const errors = disposition === 'malformed' ? grounds.errors.get(line) : undefined
  return {
    line,
    ...shortened(grounds.lines.get(line)?.text ?? ''),
    ...(errors && { errors }),
    ...(event && entitlement && { ...entitlementEvidence(entitlement), ...matches(event, entitlement) }),
    ...(event && disposition === 'over-quota' && { quotaPeriod: quotaPeriod(event, grounds.entitlements) }),
    // A line of the same id and content would have been a duplicate.
    ...(earlier && { earlier: { ...earlier, differs: true } }),
    ...(entitlement && programme !== undefined && { contracts: coverage(grounds, programme, entitlement.benefit) }),
  }
}

function entitlementEvidence({ id, benefit, windows, timeZone, quota }: HistoryEntry): Pick<Evidence, 'entitlement'> {
  const last = windows.slice(-exceptionLimits.windows)
  return { entitlement: { id, benefit, windows: last, timeZone, ...(quota && { quota }) } }
}

const matches = (event: NonNullable<Finding['event']>, { subject, benefit }: HistoryEntry) => ({
  subjectMatches: event.subject === subject,
  benefitMatches: event.benefit === benefit,
})

const coverage = ({ contractsOf }: Grounds, programme: string, benefit: string): NonNullable<Evidence['contracts']> =>
  (contractsOf.get(programme) ?? [])
    .filter(contract => contract.lines.some(line => line.benefit === benefit))
    .slice(0, 50)
    .map(({ id, currency, validFrom, validTo }) => ({ id, currency, validFrom, ...(validTo && { validTo }) }))

/** Cut between characters. */
function shortened(text: string): { text: string; truncated: boolean } {
  const bytes = Buffer.from(text)
  if (bytes.byteLength <= exceptionLimits.textBytes) return { text, truncated: false }
  let end: number = exceptionLimits.textBytes
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return { text: bytes.subarray(0, end).toString(), truncated: true }
}

/** What was wrong with a malformed line, found again in what is stored of it. */
export function errorsOf({ line, text }: Pick<ReceivedLine, 'line' | 'text'>): PointedError[] {
  // What is not UTF-8 is read with substitutes, and may then look like a good line.
  const errors = parseLine(Buffer.from(text), line).errors ?? [{ pointer: '', detail: 'not UTF-8' }]
  // A field may be named by half a character, which nobody could store.
  return errors.map(({ pointer, detail }) => ({ pointer: pointer.toWellFormed(), detail: detail.toWellFormed() }))
}
