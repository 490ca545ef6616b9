import { hash } from 'node:crypto'
import type { Contract } from '../../schemas/contract.ts'
import { defaultLateDays } from '../../schemas/contract.ts'
import type { ProgrammeCalendar } from './accounting.ts'
import type { ChainInputs } from './chain-run.ts'
import type { ChainSource } from './chain-source.ts'
import { benefitsOf, type Coverage, coverageOf } from './coverage.ts'
import { type Days, daysOf } from './days.ts'
import type { Steps } from './spill.ts'

/** How a run is cut up: a function of the chain alone, so that a run which resumes is cut up the same. */
export type RunPlan = {
  /** Of batches, both ends included. */
  ranges: { from: number; upTo: number }[]
  /** A power of two: of event ids, of entitlements and of subjects alike. */
  shards: number
  seed: number
}

export type PlanSizes = { rangeLines?: number; shardLines?: number; shards?: number }

/** Lines of a range, unless one batch has more, and of a shard on average: what a step holds in memory. */
const usual = { rangeLines: 32_768, shardLines: 32_768 }
/** A run that resumes under other sizes is another run. */
export function sizesName(sizes: PlanSizes = {}): string {
  const { rangeLines, shardLines, shards } = { ...usual, ...sizes }
  return [rangeLines, shardLines, shards].filter(size => size !== undefined).join('-')
}
const mostShards = 4096

/** @throws when the chain has a gap or ends early */
export async function planRun(
  source: ChainSource,
  { partner, upTo }: Pick<ChainInputs, 'partner' | 'upTo'>,
  sizes: PlanSizes = {},
): Promise<RunPlan> {
  const { rangeLines, shardLines } = { ...usual, ...sizes }
  const ranges: RunPlan['ranges'] = []
  let total = 0
  let open: { from: number; upTo: number; lines: number } | undefined
  if (upTo >= 1)
    for await (const { sequence, lines } of source.batches({ from: 1, upTo })) {
      if (open && open.lines + lines > rangeLines) {
        ranges.push({ from: open.from, upTo: open.upTo })
        open = undefined
      }
      open = { from: open?.from ?? sequence, upTo: sequence, lines: (open?.lines ?? 0) + lines }
      total += lines
    }
  if (open) ranges.push({ from: open.from, upTo: open.upTo })
  let shards = 1
  while (shards * shardLines < total && shards < mostShards) shards *= 2
  const seed = Number.parseInt(hash('sha256', `${partner}\n${upTo}`, 'hex').slice(0, 8), 16) | 1
  return { ranges, shards: sizes.shards ?? shards, seed }
}

/** What every step of a run needs. */
export type Run = {
  inputs: ChainInputs
  source: ChainSource
  steps: Steps
  plan: RunPlan
  rules: RunRules
}

export type RunRules = {
  coverage: Coverage
  daysIn: (timeZone: string) => Days
  calendars: ReadonlyMap<string, ProgrammeCalendar>
  /** The least and the most days after which a line of a benefit is too late, whatever its programme. */
  lateBounds: (benefit: string) => LateBounds
}
export type LateBounds = { least: number; most: number }

export function rulesOf({ contracts, programmes }: Pick<ChainInputs, 'contracts' | 'programmes'>): RunRules {
  const zones = new Map<string, Days>()
  const daysIn = (timeZone: string): Days => {
    const days = zones.get(timeZone) ?? daysOf(timeZone)
    zones.set(timeZone, days)
    return days
  }
  const bounds = lateBoundsOf(contracts)
  const usualBounds = { least: defaultLateDays, most: defaultLateDays }
  return {
    coverage: coverageOf(contracts),
    daysIn,
    calendars: new Map(
      programmes.map(({ timeZone, ...programme }) => [programme.id, { ...programme, days: daysIn(timeZone) }]),
    ),
    lateBounds: benefit => bounds.get(benefit) ?? usualBounds,
  }
}

function lateBoundsOf(contracts: readonly Contract[]): Map<string, LateBounds> {
  const bounds = new Map<string, LateBounds>()
  for (const contract of contracts) {
    for (const benefit of benefitsOf(contract)) {
      const { least, most } = bounds.get(benefit) ?? { least: defaultLateDays, most: defaultLateDays }
      bounds.set(benefit, {
        least: Math.min(least, contract.lateDays),
        most: Math.max(most, contract.lateDays),
      })
    }
  }
  return bounds
}
