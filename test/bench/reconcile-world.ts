import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { bucketOf, historyBuckets } from '../../functions/reconciliation/history.ts'
import { judgeLine } from '../../functions/usage/parse.ts'
import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { type Random, random } from '../reconciliation/chain-run-world.ts'
import { contract } from '../reconciliation/support.ts'
import { filesIn, type StoredBatch } from './reconcile-files.ts'

/** The chain of one partner over a month, with what its dispositions depend on. */
export type ChainSize = {
  events: number
  entitlements: number
  batchLines: number
  seed: number
  partner?: string
  days?: number
}

const day = 86_400_000
const firstReceived = Date.UTC(2026, 9, 3)
const validFrom = '2026-10-01'

export const facts = {
  partner: 'eleme',
  programmes: [
    { id: '88vip', timeZone: 'Asia/Shanghai', firstPeriod: '2026-09' as Period, openFrom: '2026-10' as Period },
  ],
  contracts: [
    contract({
      validFrom,
      lines: [
        { id: 'coupons', model: 'per-use', benefit: 'eleme-5off', unitPrice: '5' },
        { id: 'visits', model: 'per-use', benefit: 'eleme-vip', unitPrice: '0.4' },
      ],
    }),
  ] satisfies Contract[],
  oldestOpen: { '88vip': '2026-10' as Period },
}

/** Writes the chain and the entitlements, line after line: nothing of the chain stays in memory. */
export function writeChain(folder: string, size: ChainSize): void {
  const chances = random(size.seed)
  const entitled = entitlementsOf(chances, size)
  writeEntitlements(folder, entitled)
  const files = filesIn(folder)
  const chain = openSync(files.chain, 'w')
  const makeLine = lineMaker(chances, entitled)
  const batches: StoredBatch[] = []
  const count = Math.ceil(size.events / size.batchLines)
  let at = 0
  for (let sequence = 1; sequence <= count; sequence++) {
    const received = firstReceived + Math.floor(((size.days ?? 30) * day * sequence) / count)
    const lines = Math.min(size.batchLines, size.events - (sequence - 1) * size.batchLines)
    const texts = Array.from({ length: lines }, () => makeLine(received))
    // As ingestion stores it beside each chunk, which judged every line once.
    const malformed = texts.flatMap((text, index) => (judgeLine(Buffer.from(text)).errors ? [index + 1] : []))
    const bytes = writeSync(chain, `${texts.join('\n')}\n`)
    batches.push({ sequence, receivedAt: instant(received), lines, malformed, at, bytes })
    at += bytes
  }
  closeSync(chain)
  writeFileSync(files.batches, ndjson(batches))
}

const instant = (at: number): Instant => new Date(at).toISOString().replace('.000', '') as Instant
const ndjson = (values: readonly object[]): string => values.map(value => `${JSON.stringify(value)}\n`).join('')

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const nameOf = ({ below }: Random): string => Array.from({ length: 26 }, () => alphabet[below(32)]).join('')

/** A third are allowances with a monthly quota, which about one in a hundred of them exceeds; the others have none. */
function entitlementsOf(chances: Random, { events, entitlements, partner = facts.partner }: ChainSize): HistoryEntry[] {
  const uses = events / entitlements
  const limit = Math.ceil(uses + 2.5 * Math.sqrt(uses))
  return Array.from({ length: entitlements }, (_, index) => {
    const metered = index % 3 === 0
    const entry = {
      id: `ent_${nameOf(chances)}`,
      programme: '88vip',
      partner,
      benefit: `${partner}-${metered ? '5off' : 'vip'}`,
      plan: 'annual',
      subject: `sub_${nameOf(chances)}`,
      windows:
        index % 10 === 0
          ? [{ from: '2026-09-10T00:00:00Z', until: '2026-09-20T00:00:00Z' }, { from: '2026-09-25T00:00:00Z' }]
          : [{ from: '2026-09-10T00:00:00Z', until: '2027-09-10T00:00:00Z' }],
      ...(metered && { quota: { per: 'P1M', limit, rollover: false } }),
      timeZone: 'Asia/Shanghai',
    }
    return entry as HistoryEntry
  })
}

/** In the form that a cutoff freezes: bucket by bucket, each in the order of the ids. */
function writeEntitlements(folder: string, entitled: readonly HistoryEntry[]): void {
  const files = filesIn(folder)
  const buckets = Map.groupBy(entitled, ({ id }) => bucketOf(id))
  const file = openSync(files.entitlements, 'w')
  let at = 0
  const places = Array.from({ length: historyBuckets }, (_, index) => {
    const entries = (buckets.get(index) ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const place = { at, bytes: entries.length > 0 ? writeSync(file, ndjson(entries)) : 0 }
    at += place.bytes
    return place
  })
  closeSync(file)
  writeFileSync(files.buckets, JSON.stringify(places))
}

const faults = [
  'malformed',
  'misspelt',
  'future',
  'too-late',
  'duplicate',
  'conflict',
  'unknown',
  'wrong-subject',
  'outside',
  'no-contract',
  'currency',
] as const
const badShare = 0.02
/** Earlier lines that a later one may repeat. */
const held = 2_000

/** Makes the lines of a chain in their order; one in fifty is wrong in one of the ways. */
function lineMaker(chances: Random, entitled: readonly HistoryEntry[]): (received: number) => string {
  const { below, chance, pick } = chances
  const before: string[] = []
  let order = 10_000_000
  return received => {
    const { id, benefit, subject, quota } = pick(entitled)
    order += 1 + below(8)
    const event = {
      id: `order-20261003-${String(order).padStart(10, '0')}`,
      entitlementId: id as string,
      benefit: benefit as string,
      subject,
      occurredAt: instant(received - 1000 * below(36 * 3600)),
      ...(!quota && chance(0.3) && { quantity: 1 + below(3) }),
      amount: { amountMinor: 100 + below(9_900), currency: 'CNY' },
    }
    const text = JSON.stringify(event)
    if (chance(badShare)) return spoiled(chances, event, received, before)
    if (before.length < held) before.push(text)
    else if (chance(0.01)) before[below(held)] = text
    return text
  }
}

type Sound = { id: string; subject: string; occurredAt: string; amount: { amountMinor: number; currency: string } }

function spoiled(chances: Random, event: Sound, received: number, before: readonly string[]): string {
  const { below, pick } = chances
  const change = (more: object) => JSON.stringify({ ...event, ...more })
  const between = (first: number, last: number) => instant(first + 1000 * below((last - first) / 1000))
  switch (pick(faults)) {
    case 'malformed':
      return JSON.stringify(event).slice(0, -7)
    case 'misspelt':
      return change({ quantitty: 1 })
    case 'future':
      return change({ occurredAt: between(received + day / 24, received + 2 * day) })
    case 'too-late':
      return change({ occurredAt: between(received - 80 * day, received - 61 * day) })
    case 'duplicate':
      return before.length > 0 ? pick(before) : JSON.stringify(event)
    case 'conflict':
      return before.length > 0 ? pick(before).replace('"occurredAt"', '"tokenId":"other","occurredAt"') : change({})
    case 'unknown':
      return change({ entitlementId: `ent_${nameOf(chances)}` })
    case 'wrong-subject':
      return change({ subject: `sub_${nameOf(chances)}` })
    case 'outside':
      return change({ occurredAt: between(Date.UTC(2026, 8, 5), Date.UTC(2026, 8, 9)) })
    case 'no-contract':
      return change({ occurredAt: between(Date.UTC(2026, 8, 26), Date.UTC(2026, 8, 29)) })
    case 'currency':
      return change({ amount: { ...event.amount, currency: 'USD' } })
  }
}

/** Where a topic or a test keeps the files of one size. */
export const chainFolder = (parent: string, events: number): string => join(parent, `chain-${events}`)
