import type { Disposition } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { PeriodState } from '../../schemas/settlement.ts'
import type { PeriodLine, ProgrammeUsage, UsagePeriod } from '../../schemas/usage-view.ts'
import { periodOf } from '../kernel/calendar.ts'
import type { Now } from '../kernel/clock.ts'
import { notACursor, Refusal } from '../kernel/refusal.ts'
import type { Page } from '../kernel/table.ts'
import { manifestOf } from '../usage/read.ts'
import { laterOf } from './accounting.ts'
import type { ChainNeeds } from './chain-inputs.ts'
import { type JudgedChain, judgedChain } from './judged-chain.ts'
import type { JudgedLine } from './judged-lines.ts'
import { type DayOf, type DaySum, dayKey, daysOfProgrammes } from './usage-days.ts'

export type PeriodViewNeeds = ChainNeeds & {
  now: Now
  /** Closes of a programme, however far they are. */
  closesOf: (programme: string) => Promise<{ period: Period; state: PeriodState }[]>
}
type PeriodName = { partner: string; period: Period }
type PageOf = { limit: number; cursor?: string | undefined }
export type LinesAsked = PeriodName & { disposition?: Disposition | undefined; programme?: string | undefined }

/**
 * What a partner has in a period, by programme: provisional until the programme's period is closed.
 * @throws Refusal period-not-found for one that has not begun; busy
 */
export async function viewUsagePeriod(needs: PeriodViewNeeds, { partner, period }: PeriodName): Promise<UsagePeriod> {
  const chain = await chainIn(needs, { partner, period })
  const byProgramme = Map.groupBy(await chain.days(period), ({ programme }) => programme)
  const programmes = await Promise.all(
    Array.from(byProgramme, async ([programme, days]): Promise<ProgrammeUsage> => {
      const close = (await needs.closesOf(programme)).find(other => other.period === period)
      return { programme, state: close?.state ?? 'open', ...usageOf(days) }
    }),
  )
  return { period, sequence: chain.upTo, programmes: programmes.sort((a, b) => (a.programme < b.programme ? -1 : 1)) }
}

/** A period is the same month in every programme, but not at the same time: it is there once it has begun in one. */
async function chainIn(needs: PeriodViewNeeds, { partner, period }: PeriodName): Promise<JudgedChain> {
  const chain = await judgedChain(needs, { partner })
  const zones = ['UTC', ...chain.inputs.programmes.map(({ timeZone }) => timeZone)]
  const current = zones.map(zone => periodOf(needs.now(), zone)).reduce(laterOf)
  if (period > current) throw new Refusal('period-not-found', `the period has not begun; the present one is ${current}`)
  return chain
}

function usageOf(days: readonly DaySum[]): Pick<ProgrammeUsage, 'dispositions' | 'quantity' | 'amounts'> {
  const dispositions: ProgrammeUsage['dispositions'] = {}
  const amounts = new Map<string, bigint>()
  let quantity = 0n
  for (const { disposition, lines, quantity: own, currency, amountMinor } of days) {
    dispositions[disposition] = (dispositions[disposition] ?? 0) + lines
    if (disposition !== 'matched') continue
    quantity += own
    if (currency !== undefined) amounts.set(currency, (amounts.get(currency) ?? 0n) + amountMinor)
  }
  return {
    dispositions,
    quantity: exact(quantity),
    amounts: Array.from(amounts, ([currency, sum]) => ({ currency, amountMinor: exact(sum) })).sort((a, b) =>
      a.currency < b.currency ? -1 : 1,
    ),
  }
}

/** A sum as JSON may have it (RFC 8259 §6). @throws Refusal sum-too-large */
export function exact(sum: bigint): number {
  const number = Number(sum)
  if (!Number.isSafeInteger(number))
    throw new Refusal('sum-too-large', 'a sum here passes 2^53: read the CSV form, which has all digits')
  return number
}

/**
 * The daily summary: every line of the period is in exactly one row.
 * @throws Refusal period-not-found; busy; invalid-request for a cursor that no page of this period gave
 */
export async function usageDays(
  needs: PeriodViewNeeds,
  { limit, cursor, ...name }: PeriodName & PageOf,
): Promise<Page<DaySum>> {
  const prefix = `days ${name.period}\n`
  const after = cursor === undefined ? undefined : textOf(cursor, prefix)
  if (after !== undefined && after.split('\n').length !== 5) throw notACursor()
  const all = await (await chainIn(needs, name)).days(name.period)
  const left = after === undefined ? all : all.filter(sum => dayKey(sum) > after)
  const items = left.slice(0, limit)
  const last = items.at(-1)
  return { items, ...(last && left.length > limit && { next: cursorOf(prefix + dayKey(last)) }) }
}

/** More batches are not looked through for one page: it then ends early, and the next one goes on. */
const batchesOfPage = 2_000
/** A Lambda answers with 6 MB at most, and ids of 128 quotation marks are quoted twice on their way. */
const bytesOfPage = 5_000_000

/**
 * Lines of the period in the order of the chain. A page may have fewer than asked for, and still be followed by others.
 * @throws Refusal period-not-found; busy; invalid-request for a cursor that no page of this list gave
 */
export async function periodLines(
  needs: PeriodViewNeeds,
  { limit, cursor, disposition, programme, ...name }: LinesAsked & PageOf,
): Promise<Page<PeriodLine>> {
  const prefix = `lines ${name.period} ${disposition ?? '*'} ${programme ?? '*'}\n`
  const start = cursor === undefined ? { sequence: 1, line: 1 } : placeOf(textOf(cursor, prefix))
  const wants: Wants = one =>
    one.period === name.period &&
    (disposition === undefined || one.disposition === disposition) &&
    (programme === undefined || one.programme === programme)
  const chain = await chainIn(needs, name)
  const { lines, next } = await pageOf(chain, { start, wants, limit })
  const items = await detailed(needs, lines, daysOfProgrammes(chain.inputs.programmes))
  return { items, ...(next && { next: cursorOf(`${prefix}${next.sequence}/${next.line}`) }) }
}

type Place = { sequence: number; line: number }
type Wants = (one: { disposition: Disposition; period?: Period | undefined; programme?: string | undefined }) => boolean

/** `next` is where the page after begins. */
async function pageOf(
  chain: JudgedChain,
  { start, wants, limit }: { start: Place; wants: Wants; limit: number },
): Promise<{ lines: JudgedLine[]; next?: Place }> {
  const lines: JudgedLine[] = []
  let [bytes, seen] = [0, 0]
  for await (const batch of chain.batches({ from: start.sequence, upTo: chain.upTo })) {
    const { sequence } = batch
    if (++seen > batchesOfPage) return { lines, next: { sequence, line: 1 } }
    if (!batch.kinds.some(wants)) continue
    for (const line of await batch.lines()) {
      if (!wants(line) || (sequence === start.sequence && line.line < start.line)) continue
      if (lines.length === limit || bytes > bytesOfPage) return { lines, next: { sequence, line: line.line } }
      bytes += 300 + 4 * (line.event?.id.length ?? 0)
      lines.push(line)
    }
  }
  return { lines }
}

async function detailed(needs: PeriodViewNeeds, lines: JudgedLine[], dayOf: DayOf): Promise<PeriodLine[]> {
  const items: PeriodLine[] = []
  for (const [sequence, own] of Map.groupBy(lines, line => line.sequence)) {
    const manifest = await manifestOf(needs, { partner: own[0]?.partner ?? '', sequence })
    for (const line of own) {
      const { event, programme, disposition, final, quantity, amount } = line
      const day = dayOf(line)
      if (!manifest || !event || programme === undefined || !day)
        throw new Error(`line ${sequence}/${line.line} has a period, but no event or programme`)
      const { id, benefit, type, occurredAt } = event
      const place = { batch: manifest.id, sequence, line: line.line }
      const reported = { id, programme, benefit, type, occurredAt, day }
      items.push({ ...place, ...reported, disposition, final, quantity, ...(amount && { amount }) })
    }
  }
  return items
}

const cursorOf = (text: string): string => Buffer.from(text).toString('base64url')

function textOf(cursor: string, prefix: string): string {
  const text = Buffer.from(cursor, 'base64url').toString()
  if (!text.startsWith(prefix) || cursorOf(text) !== cursor) throw notACursor()
  return text.slice(prefix.length)
}

function placeOf(text: string): Place {
  const [, sequence, line] = /^([1-9]\d{0,11})\/([1-9]\d{0,5})$/.exec(text) ?? []
  if (sequence === undefined || line === undefined) throw notACursor()
  return { sequence: Number(sequence), line: Number(line) }
}
