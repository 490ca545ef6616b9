import { Match } from 'aws-cdk-lib/assertions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { followClose } from '../../functions/consume-close.ts'
import { put, recordType } from '../../functions/kernel/table.ts'
import { mostParts } from '../../functions/reconciliation/chain-tasks.ts'
import { publishedCloses } from '../../functions/settlement/closed-periods.ts'
import { ChainStep, CloseStep } from '../../schemas/close-task.ts'
import { type GuardedTable, guardTable } from '../support/guarded-table.ts'
import { permitOf } from '../support/policy.ts'
import { synthesize } from '../support/synthesis.ts'
import {
  closing,
  copyOf,
  cutMonth,
  type Definition,
  definitionOf,
  execute,
  lasting,
  tasksOf,
} from './close-machine-world.ts'

/** The definition that is deployed, run here with the Lambda's own handler on a table of the engine. */
const synthesis = synthesize({ bundled: false })
const { template } = synthesis
const definition = definitionOf(template)
const maps = ['Shuffle', 'Classify', 'Match', 'Settle', 'CountMembers']
const steps = ['Reconcile', 'Rate', 'Post', 'Net', 'Sign', 'Publish']
/** A chain of 200 lines makes 2 ranges and 2 shards. */
const sizes = { resumedLines: 100, rangeLines: 120, shardLines: 120 }

const guards: GuardedTable[] = []
/** The engine as the role of the Lambda may use it. */
async function guarded(engine: string): Promise<string> {
  const guard = await guardTable(engine, permitOf(template, synthesis.lambda('close').Properties.Role['Fn::GetAtt'][0]))
  guards.push(guard)
  return guard.endpoint
}

const asked = { identity: 'a'.repeat(64), cutoffAt: '2026-11-01T00:00:00Z' }
let month: Awaited<ReturnType<typeof cutMonth>>
let expected: string[]

beforeAll(async () => {
  month = await cutMonth()
  const loop = await copyOf(month)
  await followClose(loop.services, { ...closing, ...asked, requests: 1, state: 'cutoff' })
  expect(loop.heard).toEqual(['info period-closed'])
  expected = lasting(await loop.items())
}, 240_000)

afterAll(async () => {
  for (const guard of guards) await guard.stop()
  synthesis.remove()
})

const statesOf = async (services: Parameters<typeof publishedCloses>[0]) =>
  (await publishedCloses(services, closing.programme)).map(({ period }) => period)

describe('the state machine of a close', () => {
  it('calls the Lambda of closes and nothing else, by tasks that it knows', () => {
    const tasks = [...tasksOf(definition)]
    expect(tasks.map(([name]) => name).sort()).toEqual(
      ['Plan', ...maps.map(name => `${name}Part`), ...steps, 'Verify', 'JudgeAnew'].sort(),
    )
    for (const [, { Resource, Retry }] of tasks) {
      expect(Resource).toMatch(/^arn:aws:lambda:us-east-1:111122223333:function:Close[0-9A-F]{8}$/)
      expect(Retry).toMatchObject([
        { ErrorEquals: ['Mismatch', 'OtherRatingVersion', 'ZodError'], MaxAttempts: 0 },
        { ErrorEquals: expect.arrayContaining(['Lambda.TooManyRequestsException']), MaxDelaySeconds: 60 },
        { ErrorEquals: ['States.ALL'], MaxAttempts: 5, BackoffRate: 3 },
      ])
    }
    expect(maps).toHaveLength(ChainStep.options.length)
    expect(steps).toHaveLength(CloseStep.options.length)
  })

  it('never makes more history than an execution may have, whatever fails', () => {
    const events = [...tasksOf(definition)].map(([name, { Retry = [] }]) => {
      const attempts = (Retry as { MaxAttempts: number }[]).reduce((sum, { MaxAttempts }) => sum + MaxAttempts, 1)
      // Entered and exited; scheduled, started and failed; a part of a map has an iteration around it.
      return name.endsWith('Part') ? mostParts * (4 + 3 * attempts) : 2 + 3 * attempts
    })
    const ofMaps = maps.length * 4
    expect(events.reduce((sum, count) => sum + count, ofMaps + 20)).toBeLessThan(24_000)
  })

  it('closes a month of short chains at once, to the same bytes as the loop', async () => {
    const { services, items } = await copyOf(month, guarded)
    const { failure, entered } = await execute(definition, services)
    expect(failure).toBeUndefined()
    expect(entered).toEqual(['Plan', 'WhereItStands', ...steps, 'JudgeAnew', 'Done'])
    expect(await statesOf(services)).toEqual([closing.period])
    expect(lasting(await items())).toEqual(expected)
  }, 240_000)

  it('closes a month of large chains step by step in many tasks, to the same bytes as the loop', async () => {
    const { services, items } = await copyOf(month, guarded, sizes)
    const spilled = async () => (await items()).filter(({ pk }) => pk?.S?.startsWith('SPILL#')).length
    const pieces: number[] = []
    const { failure, entered, calls } = await execute(definition, services, async ({ state }) => {
      if (state === 'Reconcile' || state === 'Rate') pieces.push(await spilled())
    })
    expect(failure).toBeUndefined()
    expect(entered).toEqual(['Plan', 'WhereItStands', ...maps, ...steps, 'JudgeAnew', 'Done'])
    const counted = maps.map(name => calls.filter(({ state }) => state === `${name}Part`).length)
    expect(counted).toEqual([4, 4, 4, 4, 4])
    // Reconciling only gathered: every step of every chain had been done.
    expect(pieces[0]).toBeGreaterThan(20)
    expect(pieces[1]).toBe(pieces[0])
    expect(lasting(await items())).toEqual(expected)
    for (const { refused } of guards) expect(refused).toEqual([])
  }, 240_000)

  it('tries again what failed once, and what was done before it failed is not done twice', async () => {
    const { services, items } = await copyOf(month, undefined, sizes)
    const failed = new Set<string>()
    const { failure, calls } = await execute(definition, services, ({ state, task }) => {
      const name = `${state} ${JSON.stringify(task)}`
      if (failed.has(name)) return
      failed.add(name)
      throw new Error('the connection was lost')
    })
    expect(failure).toBeUndefined()
    expect(calls).toHaveLength(2 * failed.size)
    expect(lasting(await items())).toEqual(expected)
  }, 240_000)

  it('ends where something keeps failing, and the next execution goes on from there', async () => {
    const { services, items } = await copyOf(month, undefined, sizes)
    const broken = (name: string) =>
      execute(definition, services, ({ state }) => {
        if (state === name) throw new Error(`${name} is down`)
      })
    for (const name of ['Plan', 'MatchPart', 'Post', 'Publish', 'JudgeAnew']) {
      const { failure, entered, calls } = await broken(name)
      expect(failure).toContain(`${name} is down`)
      expect(entered.at(-1)).toBe('Stopped')
      expect(calls.filter(({ state }) => state === name).length).toBeGreaterThanOrEqual(6)
    }
    const { failure, entered } = await execute(definition, services)
    expect(failure).toBeUndefined()
    expect(entered).toEqual(['Plan', 'WhereItStands', 'Verify', 'JudgeAnew', 'Done'])
    expect(lasting(await items())).toEqual(expected)
  }, 240_000)

  it('does not reach the end without any one of its steps, and stands where that was missing', async () => {
    const large = (await copyOf(month, undefined, sizes)).services
    const { services, items } = await copyOf(month)
    const needed = ['Shuffle', 'Classify', 'Match'].map(name => [name, large] as const)
    for (const [missing, of] of [...needed, ...steps.map(name => [name, services] as const)]) {
      const { failure, entered } = await execute(without(definition, missing), of)
      expect(failure, missing).toMatch(/is not complete|cannot become|not published/)
      expect(entered.at(-1)).toBe('Stopped')
      expect(await statesOf(of)).toEqual([])
    }
    expect((await execute(definition, services)).failure).toBeUndefined()
    expect(lasting(await items())).toEqual(expected)
  }, 240_000)

  it('only verifies a month that is published, and names what was tampered with, at the first attempt', async () => {
    const { services, items, heard } = await copyOf(month, guarded)
    expect((await execute(definition, services)).failure).toBeUndefined()
    const published = lasting(await items())
    const again = await execute(definition, services)
    expect(again.failure).toBeUndefined()
    expect(again.entered).toEqual(['Plan', 'WhereItStands', 'Verify', 'JudgeAnew', 'Done'])
    expect(lasting(await items())).toEqual(published)

    const balance = (await items()).find(({ sk }) => sk?.S?.startsWith('BALANCE#'))
    const key = { pk: balance?.['pk']?.S ?? '', sk: balance?.['sk']?.S ?? '' }
    const forged = recordType('forged', z.object({ account: z.string(), amountMinor: z.int() }))
    // The Lambda's role would let it, as it must: the verification is what finds it.
    await services.table.write(put(forged, key, { account: key.sk.slice('BALANCE#'.length), amountMinor: 1 }))
    const tampered = await execute(definition, services)
    expect(tampered.failure).toContain('is not what its inputs give')
    expect(tampered.calls.filter(({ state }) => state === 'Verify')).toHaveLength(1)
    expect(heard.at(-1)).toBe('error close-does-not-verify')
  }, 240_000)
})

/** The definition as if somebody had forgotten a state: whatever led to it leads to the next one. */
function without({ States, ...rest }: Definition, missing: string): Definition {
  const next = States[missing]?.Next
  if (next === undefined) throw new Error(`the definition has no ${missing} with a next state`)
  const { [missing]: _, ...others } = States
  const text = JSON.stringify({ ...rest, States: others })
  return JSON.parse(
    text
      .replaceAll(`"Next":"${missing}"`, `"Next":"${next}"`)
      .replaceAll(`"Default":"${missing}"`, `"Default":"${next}"`),
  ) as Definition
}

describe('what is deployed with it', () => {
  const resource = (type: string, properties: object) => template.hasResourceProperties(type, properties)

  it('may call its Lambda, and beside that only write its log and traces', () => {
    resource('AWS::IAM::Policy', {
      Roles: [{ Ref: Match.stringLikeRegexp('^CloseMachineRole') }],
      PolicyDocument: {
        Statement: [
          { Action: 'lambda:InvokeFunction', Resource: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Close'), 'Arn'] } },
          { Action: Match.not(Match.arrayWith([Match.not(Match.stringLikeRegexp('^(logs|xray):'))])), Resource: '*' },
        ],
      },
    })
    template.hasResource('AWS::StepFunctions::StateMachine', {
      DependsOn: Match.arrayWith([Match.stringLikeRegexp('^CloseMachineRoleDefaultPolicy')]),
      Properties: {
        LoggingConfiguration: { Level: 'ALL', IncludeExecutionData: false },
        TracingConfiguration: { Enabled: true },
      },
    })
  })

  it('is started by the consumer of the stream alone', () => {
    const starters = Object.values(template.findResources('AWS::IAM::Policy')).filter(({ Properties }) =>
      JSON.stringify(Properties).includes('states:StartExecution'),
    )
    expect(starters.map(({ Properties }) => Properties.Roles)).toEqual([
      [{ Ref: expect.stringMatching(/^SettleRole/) }],
    ])
  })

  it.each(['ExecutionsFailed', 'ExecutionsTimedOut'])('raises an alarm for %s, which names its runbook', MetricName => {
    resource('AWS::CloudWatch::Alarm', {
      MetricName,
      AlarmDescription: Match.stringLikeRegexp('docs/runbooks/close.md'),
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
    })
  })
})
