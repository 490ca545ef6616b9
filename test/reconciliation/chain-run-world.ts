import { gzipSync } from 'node:zlib'
import { genesisHash, hashOf } from '../../functions/kernel/canonical.ts'
import type { Table } from '../../functions/kernel/table.ts'
import type { ChainInputs } from '../../functions/reconciliation/chain-run.ts'
import type { ChainSource } from '../../functions/reconciliation/chain-source.ts'
import { liveHistory } from '../../functions/reconciliation/history.ts'
import { type LineRules, reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import { parseLine } from '../../functions/usage/parse.ts'
import { announceBatch, commitManifest, storeChunk } from '../../functions/usage/store.ts'
import type { HistoryEntry, LineOutcome } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Manifest } from '../../schemas/usage.ts'
import { sourceOf } from '../support/history-source.ts'
import { contract, entitlement, entitlementId, idOf, linesOf, subjectOf } from './support.ts'

/** Seeded randomness (mulberry32). */
export function random(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(next() * count)
  return {
    below,
    chance: (probability: number) => next() < probability,
    pick: <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item,
  }
}
export type Random = ReturnType<typeof random>

export const partner = 'eleme'
export const programmes = [
  { id: '88vip', timeZone: 'Asia/Shanghai', firstPeriod: '2026-01' as Period },
  { id: 'berlin', timeZone: 'Europe/Berlin', firstPeriod: '2026-02' as Period },
  { id: 'chile', timeZone: 'America/Santiago', firstPeriod: '2026-01' as Period },
]
export const contracts = [
  contract({ validTo: '2026-10-12', lateDays: 30 }),
  contract({ id: 'eleme-later', validFrom: '2026-10-16', lateDays: 80 }),
  contract({ id: 'second', payee: 'brand', lateDays: 40, validTo: '2026-09-25' }),
  contract({ id: 'berlin-2026', programme: 'berlin', currency: 'EUR', lateDays: 20 }),
  contract({
    id: 'other-benefit',
    lateDays: 5,
    lines: [{ id: 'x', model: 'per-use', benefit: 'eleme-other', unitPrice: '1' }],
  }),
]

const at = (day: number, second = 0) => new Date(Date.UTC(2026, 7, 1 + day, 0, 0, second)).toISOString()

/** Entitlements of three programmes with all kinds of quotas, windows and captured redemptions; a few of others. */
export function randomEntitlements({ below, chance, pick }: Random, count: number): Map<string, Entitlement> {
  const zones = new Map(programmes.map(({ id, timeZone }) => [id, timeZone]))
  return new Map(
    Array.from({ length: count }, (_, index) => {
      const number = index + 1
      const programme = pick(['88vip', '88vip', 'berlin', 'chile', 'unknown'])
      const start = below(40)
      const windows = chance(0.5)
        ? [{ from: '2025-12-31T16:00:00Z' }]
        : [
            { from: at(start), until: at(start + 1 + below(30)) },
            { from: at(start + 40), ...(chance(0.5) && { until: at(start + 70, 1) }) },
          ]
      const quota = { per: pick(['P1D', 'P1M', 'P1Y']), limit: 1 + below(5), rollover: chance(0.5) }
      const captured = Array.from({ length: below(3) }, (_, at_) => ({
        id: `till-${number}-${at_}`,
        heldAt: at(below(85), below(86_400)),
        quantity: 1,
      }))
      const entry = entitlement(number, {
        programme,
        timeZone: zones.get(programme) ?? 'UTC',
        windows,
        ...(chance(0.1) && { partner: 'youku' }),
        // Members come back under another entitlement.
        subject: subjectOf(1 + below(count)),
        ...(chance(0.6) && { quota }),
        ...(captured.length > 0 && { captured }),
      })
      return [entry.id as string, entry]
    }),
  )
}

/** A line of its own or one that repeats, contradicts or takes back an earlier one. */
function randomLine({ below, chance, pick }: Random, known: Map<string, Entitlement>, before: string[]): string {
  if (chance(0.03)) return pick(['x', '{}', '{"id":"e1"}', '[1,2]', '{"id":"e1","quantity":1e400}'])
  const earlier = before.length > 0 ? pick(before) : undefined
  if (earlier !== undefined && chance(0.06)) return earlier
  if (earlier?.startsWith('{"id"') && chance(0.05)) return respelt(earlier)
  const number = 1 + below(known.size + 2)
  const owner = known.get(entitlementId(number))
  const event = {
    id: `e${below(chance(0.1) ? 30 : 1_000_000)}`,
    entitlementId: chance(0.02) ? 'somebody-else' : entitlementId(number),
    benefit: chance(0.03) ? 'eleme-other' : 'eleme-5off',
    subject: chance(0.03) ? 'sub-\n"of" nobody' : (owner?.subject ?? 'nobody'),
    occurredAt: at(below(90), below(86_400)),
    ...(chance(0.5) && { quantity: 1 + below(3) }),
    ...(chance(0.3) && { type: 'use' }),
    ...(chance(0.5) && { amount: { amountMinor: below(500), currency: pick(['CNY', 'CNY', 'EUR', 'USD']) } }),
    ...(chance(0.3) && { redemptionId: `till-${number}-${below(3)}` }),
    ...(chance(0.2) && { tokenId: `t${below(9)}` }),
  }
  if (earlier?.startsWith('{"id"') && chance(0.15)) {
    const target = JSON.parse(earlier) as typeof event
    const takenBack = { ...event, entitlementId: target.entitlementId, subject: target.subject, type: 'reversal' }
    return JSON.stringify({ ...takenBack, occurredAt: target.occurredAt, reverses: target.id ?? 'e1' })
  }
  return JSON.stringify(event)
}

/** The same content, spelt otherwise. */
function respelt(text: string): string {
  const entries = Object.entries(JSON.parse(text) as object).reverse()
  const spelt = entries.map(([key, value]) => ` ${JSON.stringify(key)} : ${JSON.stringify(value)}`).join(' ,')
  return `{${spelt} }`.replace('e', '\\u0065')
}

export type Batch = { receivedAt: string; oldestOpen: Record<string, string>; events: string[] }

export function randomBatches(chances: Random, known: Map<string, Entitlement>, count: number, most: number): Batch[] {
  const before: string[] = []
  return Array.from({ length: count }, (_, index) => {
    const day = Math.floor((index * 100) / count)
    const events = Array.from({ length: 1 + chances.below(most) }, () => {
      const line = randomLine(chances, known, before)
      before.push(line)
      return line
    })
    const oldest = { '88vip': day > 45 ? '2026-09' : '2026-08', berlin: day > 75 ? '2026-10' : '2026-08' }
    return { receivedAt: at(day), oldestOpen: oldest, events }
  })
}

/** A chain that lies in memory, in pieces of so many lines. */
export function memorySource(batches: readonly Batch[], pieceLines = 7): ChainSource {
  return {
    async *batches({ from, upTo }) {
      for (let sequence = from; sequence <= upTo; sequence++) {
        const { receivedAt, oldestOpen, events } = batches[sequence - 1] as Batch
        const facts = { receivedAt: receivedAt as Instant, oldestOpen: oldestOpen as Record<string, Period> }
        yield { id: String(sequence), sequence, lines: events.length, ...facts }
      }
    },
    async *pieces({ sequence }) {
      const events = batches[sequence - 1]?.events ?? []
      for (let start = 0; start < events.length; start += pieceLines) {
        const texts = events.slice(start, start + pieceLines)
        const malformed = texts.flatMap((text, index) =>
          parseLine(Buffer.from(text), 1).event ? [] : [start + index + 1],
        )
        yield { firstLine: start + 1, texts, malformed }
      }
    },
  }
}

/** What a run is given and what the small form in memory makes of the same. */
export type World = { inputs: ChainInputs; batches: Batch[]; rules: LineRules; settled: LineOutcome[] }

export function worldOf(
  {
    entitlements,
    batches,
    settled = [],
  }: { entitlements: Map<string, Entitlement>; batches: Batch[]; settled?: LineOutcome[] },
  { openFrom, through, upTo = batches.length }: { openFrom: string; through?: string; upTo?: number },
): World {
  const open = programmes.slice(0, 2).map(one => ({ ...one, openFrom: openFrom as Period }))
  const limit = through === undefined ? {} : { through: through as Period }
  const own = new Map<string, HistoryEntry>([...entitlements].filter(([, entry]) => entry.partner === partner))
  return {
    batches,
    settled,
    rules: {
      entitlements: own,
      contracts,
      programmes: open,
      finals: new Map(settled.map(outcome => [`${outcome.sequence}/${outcome.line}`, outcome])),
      ...limit,
    },
    inputs: {
      ...{ partner, upTo, programmes: open, contracts, ...limit },
      history: liveHistory(sourceOf(entitlements.values()), partner),
      async *finals({ from, upTo: to }) {
        for (const outcome of settled) if (outcome.sequence >= from && outcome.sequence <= to) yield outcome
      },
    },
  }
}

export const inMemory = ({ batches, rules, inputs: { upTo } }: World): LineOutcome[] =>
  reconcileLines(linesOf(batches.slice(0, upTo), partner), rules)

/** Stores batches as they are received, in several chunks. */
export async function storeBatches(table: Table, batches: readonly Batch[]): Promise<void> {
  let before = { version: 0, lines: 0 }
  for (const [index, { receivedAt, oldestOpen, events }] of batches.entries()) {
    const sequence = index + 1
    const id = idOf('bat', sequence) as Manifest['id']
    const hash = hashOf({ sequence })
    const chunks = await Array.fromAsync(memorySource(batches, 15).pieces({ id, sequence, lines: 0 } as never))
    const announced = { id, partner, state: 'receiving' as const, chunks: chunks.length }
    await announceBatch(table, announced, 2_000_000_000)
    for (const [at, { firstLine, texts, malformed }] of chunks.entries()) {
      const data = gzipSync(texts.map(text => `${text}\n`).join(''))
      const chunk = { batch: id, index: at, firstLine, lines: texts.length, malformed: [...malformed], data }
      await storeChunk(table, partner, chunk)
    }
    const facts = { partner, sequence, hash, quantity: 0, oldestOpen: oldestOpen as Record<string, Period> }
    const manifest = { ...facts, id, lines: events.length, malformed: 0, chunks: chunks.length, digest: hash }
    const head = { ...facts, version: before.version + 1, lines: before.lines + events.length }
    await commitManifest(table, {
      manifest: { ...manifest, receivedAt: receivedAt as Instant, previousHash: genesisHash },
      receipt: 'receipt',
      head,
      announced,
    })
    before = head
  }
}
