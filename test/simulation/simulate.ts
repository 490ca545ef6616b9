import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { z } from 'zod'
import { settlementNeeds, usageNeeds } from '../../functions/gateway-needs.ts'
import { viewBatch } from '../../functions/reconciliation/batch-view.ts'
import { viewPeriod } from '../../functions/settlement/periods.ts'
import { usageHead } from '../../functions/usage/read.ts'
import { differences } from './dump.ts'
import { type Outcome, play, replay, replayOf, type Schedule, scheduleOf, undisturbed } from './run.ts'
import { november, october, programme, type Tale } from './story.ts'
import { type Origin, origin, partners } from './world.ts'

const { SIM_RUNS: runs, SIM_SEED: only } = z
  .object({ SIM_RUNS: z.coerce.number().int().min(1).default(300), SIM_SEED: z.coerce.number().int().optional() })
  .parse(process.env)

/** Every so often a run is checked by reading it all back and playing it again, which costs as much as the run. */
const replayEvery = 10

/**
 * Plays the same months under hundreds of schedules of trouble. Whatever goes wrong, the table must end up holding
 * what an undisturbed run leaves, byte for byte. `SIM_RUNS` plays more of them, `SIM_SEED` a single one.
 */
export function simulate({ part, of }: { part: number; of: number }): void {
  const seeds = only === undefined ? Array.from({ length: runs }, (_, index) => index + 1) : part === 1 ? [only] : []
  const own = seeds.filter(seed => only !== undefined || seed % of === part - 1)

  describe.skipIf(own.length === 0)(`usage under trouble, ${own.length} schedules`, () => {
    let start: Origin
    let expected: Record<Tale, Outcome>
    const injected: Record<string, number> = {}

    beforeAll(async () => {
      start = await origin(4)
      const endpoint = inject('dynamodbEndpoint')
      const [month, quarter] = [
        await play(start, endpoint, undisturbed('month')),
        await play(start, endpoint, undisturbed('quarter')),
      ]
      expected = { month, quarter }
    }, 120_000)
    afterAll(() => console.log(`simulated ${own.length} schedules:`, JSON.stringify(injected)))

    test.each(['month', 'quarter'] as const)(
      'an undisturbed %s has one disposition for each line, for good',
      async tale => {
        expect(expected[tale].meter.writes).toBeGreaterThan(50)
        await lasts(expected[tale], tale)
      },
    )

    test.each(own)('schedule %i', { timeout: 120_000 }, async seed => {
      const writes = { month: expected.month.meter.writes, quarter: expected.quarter.meter.writes }
      const schedule = scheduleOf(seed, writes)
      try {
        const outcome = await play(start, inject('dynamodbEndpoint'), schedule)
        for (const [fault, count] of Object.entries(outcome.meter.injected))
          injected[fault] = (injected[fault] ?? 0) + count
        expect(differences(outcome.content, expected[schedule.tale].content)).toEqual([])
        if (Math.floor(seed / of) % replayEvery === 0 || only !== undefined) await lasts(outcome, schedule.tale)
        await outcome.world.end()
      } catch (error) {
        throw told(error, schedule)
      }
    })

    async function lasts(outcome: Outcome, tale: Tale): Promise<void> {
      await everyLineCounts(outcome)
      expect(differences(await replay(outcome), expected[tale].content)).toEqual([])
    }
  })
}

const told = (error: unknown, schedule: Schedule): Error =>
  new Error(`${error instanceof Error ? error.message : String(error)}\nplay it again: ${replayOf(schedule)}`, {
    cause: error,
  })

/** Accepted lines = Σ dispositions: of each batch, and of the closed periods with what belongs to no programme. */
async function everyLineCounts({ world }: Outcome): Promise<void> {
  const services = world.calm()
  const ofBatches: Record<string, number> = {}
  for (const partner of partners) {
    const head = await usageHead(services, partner)
    let lines = 0
    for (const id of await batchIds(world, partner)) {
      const view = await viewBatch(usageNeeds(services), { partner, id })
      expect(sum(view.dispositions)).toBe(view.lines)
      lines += view.lines
      for (const [name, count] of Object.entries(view.dispositions)) ofBatches[name] = (ofBatches[name] ?? 0) + count
    }
    expect(lines).toBe(head?.lines)
  }
  const ofPeriods: Record<string, number> = {}
  for (const period of [october, november]) {
    const view = await viewPeriod(settlementNeeds(services), { programme, period })
    for (const [name, count] of Object.entries(view.dispositions)) ofPeriods[name] = (ofPeriods[name] ?? 0) + count
  }
  const { malformed: _malformed, 'unknown-entitlement': _unknown, ...known } = ofBatches
  const { 'unknown-entitlement': _twice, ...closed } = ofPeriods
  expect(closed).toEqual(known)
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((all, count) => all + count, 0)

async function batchIds({ clean, tableName }: Outcome['world'], partner: string): Promise<string[]> {
  const { QueryCommand } = await import('@aws-sdk/client-dynamodb')
  const page = await clean.send(
    new QueryCommand({
      TableName: tableName,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :batch)',
      ExpressionAttributeValues: { ':pk': { S: `USAGE#${partner}` }, ':batch': { S: 'BATCH#' } },
    }),
  )
  return (page.Items ?? []).map(item => item['id']?.S ?? '')
}
