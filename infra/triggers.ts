import { Duration } from 'aws-cdk-lib'
import type { ITable, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { Rule, Schedule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda'
import { DynamoEventSource, type DynamoEventSourceProps, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources'
import type { Construct } from 'constructs'
import { table as names } from '../schemas/table.ts'
import { alarmOn, deadLetters } from './dead-letters.ts'
import type { Functions } from './lambdas.ts'

const equals = (name: string, value: string) => ({ [name]: { S: FilterRule.isEqual(value) } })
const inserted = (image: object) =>
  FilterCriteria.filter({ eventName: FilterRule.isEqual('INSERT'), dynamodb: { NewImage: image } })
const removed = (image: object) =>
  FilterCriteria.filter({ eventName: FilterRule.isEqual('REMOVE'), dynamodb: { OldImage: image } })
const stored = (image: object) => FilterCriteria.filter({ dynamodb: { NewImage: image } })

/** The table's stream drives what follows from a change, so nothing that was committed is forgotten. */
export function streamConsumers(
  scope: Construct,
  { table, functions }: { table: TableV2; functions: Pick<Functions, 'changes' | 'settle'> },
): void {
  const failed = deadLetters(scope, 'FailedChanges')
  const source = (more: Partial<DynamoEventSourceProps>) =>
    // The getter of TableV2 differs from its own interface only in how it spells an optional property.
    new DynamoEventSource(table as ITable, {
      startingPosition: StartingPosition.TRIM_HORIZON,
      bisectBatchOnError: true,
      retryAttempts: 5,
      onFailure: new SqsDlq(failed),
      ...more,
    })
  // Chunks and ledger items, the bulk of all writes, never wake a Lambda. Bits of the status lists follow links within a
  // minute, so they have a reader for themselves; a shard has room for two.
  functions.changes.addEventSource(
    source({
      batchSize: 10,
      parallelizationFactor: 10,
      // Nobody else brings a link's bit in order again: a day's trouble must be over first.
      retryAttempts: 10_000,
      maxRecordAge: Duration.hours(12),
      filters: [
        stored(equals(names.kind, 'link')),
        removed(equals(names.kind, 'link')),
        // What a partner is to be told, tried once and for a second: what it does not take by then, the timers repeat.
        // Bits of the same lane wait that long at most. A Lambda for these alone would need a reader of its own (ADR 12).
        inserted(equals(names.kind, 'outgoing-event')),
      ],
    }),
  )
  functions.settle.addEventSource(
    source({
      batchSize: 1,
      // A close or a large batch does not keep those of other programmes and partners waiting.
      parallelizationFactor: 10,
      filters: [
        inserted(equals(names.kind, 'usage-manifest')),
        // Somebody waits for usage to be judged again.
        stored(equals(names.kind, 'provisional-request')),
        // Under other terms, or once a redemption that an event names is captured, usage is judged otherwise.
        stored(equals(names.kind, 'contract')),
        stored({ ...equals(names.kind, 'redemption'), ...equals('state', 'captured') }),
        // A sweep removes its own mark at the end, which is nothing to follow.
        removed({ ...equals(names.kind, 'usage-batch'), ...equals('state', 'receiving') }),
        // A close that has frozen its inputs, or that is asked for again, waits to be computed, by the state machine that
        // the consumer starts. A filter cannot compare old with new, so it passes over the machine's changes of the state.
        stored(equals(names.kind, 'close')),
      ],
    }),
  )
  alarmOn(failed, 'ChangesFailed', 'Changes that no consumer could follow: see docs/runbooks/changes.md')
}

/** Each minute. What fails is still due a minute later, so EventBridge need not repeat it. */
export function schedules(scope: Construct, { timers }: Pick<Functions, 'timers'>): void {
  new Rule(scope, 'EachMinute', {
    schedule: Schedule.rate(Duration.minutes(1)),
    targets: [new LambdaFunction(timers, { retryAttempts: 0, maxEventAge: Duration.minutes(1) })],
  })
}
