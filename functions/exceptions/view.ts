import type { Caller, Scope } from '../../schemas/client.ts'
import { type ExceptionRecord, UsageException } from '../../schemas/exception.ts'
import { ExceptionId } from '../../schemas/ids.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { ChainNeeds } from '../reconciliation/chain-inputs.ts'
import { severityOf } from './severity.ts'
import { findException } from './store.ts'

export type Frame = { id: string; brand: string; timeZone: string; firstPeriod: Period }

/** With what a partner's chain is judged with, to tell what of it is billed. */
export type ExceptionNeeds = ChainNeeds & {
  now: Now
  /** @throws Refusal programme-not-found */
  programmeOf: (programme: string) => Promise<Frame>
  allProgrammes: () => Promise<Frame[]>
}

export type Request = { caller: Caller; id: string }

/** As its brand sees it: with the severity of this moment. */
export function viewOf(record: ExceptionRecord, now: Instant): UsageException {
  const { version: _version, currency: _currency, members: _members, touched: _touched, ...shown } = record
  return UsageException.parse({ ...shown, severity: severityOf(record, now) })
}

/**
 * As the partner sees it: that somebody works on it and what was decided, and not which of the brand's people. Their names
 * are personal data, and nothing that the partner does depends on them.
 */
export function withoutPeople({ assignee: _assignee, audit, resolution, ...view }: UsageException): UsageException {
  return {
    ...view,
    audit: audit.map(({ note, ...entry }) => ({
      ...entry,
      actor: impersonal(entry.actor),
      ...(note !== undefined && entry.action !== 'assigned' && { note }),
    })),
    ...(resolution && { resolution: { ...resolution, actor: impersonal(resolution.actor) } }),
  }
}

const staffPrefix = 'staff:'
const impersonal = (actor: string): string => (actor.startsWith(staffPrefix) ? 'staff' : actor)

/** As whom a caller may read: as the partner, as a brand's finance, or as both. */
export function readerOf({ brand, partner, scopes }: Caller): { partner?: string; brand?: string } {
  const has = (scope: Scope) => scopes.includes(scope)
  return {
    ...(partner !== undefined && has('usage:write') && { partner }),
    ...((has('finance:read') || has('finance:write')) && { brand }),
  }
}

/** The programme whose brand decides about an exception. @throws Refusal exception-not-found, also for those of none */
export async function programmeOfException(needs: ExceptionNeeds, id: string): Promise<Frame> {
  const record = ExceptionId.safeParse(id).success ? await findException(needs.table, id) : undefined
  if (record?.programme === undefined) throw new Refusal('exception-not-found')
  return needs.programmeOf(record.programme)
}

/** @throws Refusal exception-not-found, also for those of other partners and other brands' programmes */
export async function visibleException(needs: ExceptionNeeds, { caller, id }: Request): Promise<ExceptionRecord> {
  const record = ExceptionId.safeParse(id).success ? await findException(needs.table, id) : undefined
  const reader = readerOf(caller)
  const isVisible =
    record !== undefined && (record.partner === reader.partner || (await isOfBrand(needs, record, reader.brand)))
  if (!isVisible) throw new Refusal('exception-not-found')
  return record
}

async function isOfBrand(
  { programmeOf }: ExceptionNeeds,
  { programme }: ExceptionRecord,
  brand: string | undefined,
): Promise<boolean> {
  if (programme === undefined || brand === undefined) return false
  return (await programmeOf(programme)).brand === brand
}

/** Those that the caller's brand decides. @throws Refusal exception-not-found; not-yours to the partner itself */
export async function decidableException(needs: ExceptionNeeds, request: Request): Promise<ExceptionRecord> {
  const record = await visibleException(needs, request)
  if (!(await isOfBrand(needs, record, request.caller.brand)))
    throw new Refusal('not-yours', 'the brand of the programme decides; a partner disputes')
  return record
}

/** @throws Refusal exception-not-found; not-yours to the brand that decides */
export async function disputableException(needs: ExceptionNeeds, request: Request): Promise<ExceptionRecord> {
  const record = await visibleException(needs, request)
  if (record.partner !== request.caller.partner)
    throw new Refusal('not-yours', 'the partner that reported the lines disputes')
  return record
}

export async function findOne(needs: ExceptionNeeds, request: Request): Promise<UsageException> {
  const record = await visibleException(needs, request)
  const view = viewOf(record, needs.now())
  return (await isOfBrand(needs, record, readerOf(request.caller).brand)) ? view : withoutPeople(view)
}
