import { DynamoDBClient, type DynamoDBClientConfig, TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import { localAccess } from '../../functions/local/engine.ts'
import type { Draw } from './draw.ts'

/** What may go wrong with one request on its way to the database. */
export const faults = ['throttled', 'lost-request', 'lost-answer', 'cancelled'] as const
export type Fault = (typeof faults)[number]

/** What goes wrong in a run: a share of all requests, and the one write before or after which the process dies. */
export type Trouble = { draw: Draw; share: number; deathAt: number; diesAfter: boolean }

/** The process has died: nothing that it still tries reaches the database. */
export class Killed extends Error {
  override readonly name = 'Killed'
}

const writing = new Set(['PutItemCommand', 'UpdateItemCommand', 'DeleteItemCommand', 'TransactWriteItemsCommand'])

const named = (name: string, transient: 'throttling' | 'transient'): Error =>
  Object.assign(new Error(name), {
    name,
    $fault: 'server',
    $metadata: {},
    $retryable: { throttling: transient === 'throttling' },
  })

type RetryStrategy = Exclude<Awaited<NonNullable<DynamoDBClientConfig['retryStrategy']>>, { retry: unknown }>

/** The SDK's three attempts without its pauses, which would only make a simulation long. */
const impatient: RetryStrategy = {
  acquireInitialRetryToken: async () => attempt(0),
  async refreshRetryTokenForRetry(token, { errorType }) {
    if (errorType === 'CLIENT_ERROR' || token.getRetryCount() >= 2) throw new Error('no more attempts')
    return attempt(token.getRetryCount() + 1)
  },
  recordSuccess() {},
}
const attempt = (made: number) => ({ getRetryCount: () => made, getRetryDelay: () => 1 })

/** Counts the writes of a whole run, whichever process makes them. */
export type Meter = { writes: number; injected: Record<string, number> }
export const newMeter = (): Meter => ({ writes: 0, injected: {} })

/**
 * A DynamoDB client that misbehaves beneath the SDK's own retries, attempt by attempt, as a network and a busy database
 * would. It belongs to one process: once that is killed, all its requests fail.
 */
export function troubledClient(endpoint: string, { draw, share, deathAt, diesAfter }: Trouble, meter: Meter) {
  const client = new DynamoDBClient({
    endpoint,
    ...localAccess,
    retryStrategy: impatient,
  })
  let isDead = false
  const count = (fault: string) => {
    meter.injected[fault] = (meter.injected[fault] ?? 0) + 1
  }
  const die = (): never => {
    isDead = true
    count('killed')
    throw new Killed()
  }
  client.middlewareStack.add(
    (next, context) => async args => {
      if (isDead) throw new Killed()
      const isWrite = writing.has(String(context.commandName))
      if (isWrite) meter.writes += 1
      const isLast = isWrite && meter.writes === deathAt
      if (isLast && !diesAfter) return die()
      const fault = draw.chance(share) ? draw.pick(faults) : undefined
      if (fault === 'throttled') {
        count(fault)
        throw named('ProvisionedThroughputExceededException', 'throttling')
      }
      if (fault === 'lost-request') {
        count(fault)
        throw named('TimeoutError', 'transient')
      }
      if (fault === 'cancelled' && context.commandName === 'TransactWriteItemsCommand') {
        count(fault)
        throw new TransactionCanceledException({
          message: 'cancelled by a rival',
          CancellationReasons: [{ Code: 'TransactionConflict' }],
          $metadata: {},
        })
      }
      const answer = await next(args)
      if (isLast) return die()
      if (fault === 'lost-answer') {
        count(fault)
        throw named('TimeoutError', 'transient')
      }
      return answer
    },
    { step: 'finalizeRequest', priority: 'low', name: 'trouble' },
  )
  return { client, isDead: () => isDead }
}
