import { StreamReader, type StreamSource } from './stream-reader.ts'
import type { StreamEvent } from './stream-record.ts'

export type { StreamAttribute, StreamEvent, StreamImage, StreamRecord } from './stream-record.ts'

export interface FollowOptions extends StreamSource {
  readonly intervalMs?: number
  /** A throw makes the same batch come again, after a pause that grows to 5 s. */
  readonly onRecords: (event: StreamEvent) => Promise<void> | void
}

export interface Follower {
  /** Ends after the batch in hand; nothing keeps the process alive afterwards. */
  stop(): Promise<void>
  /** Resolves when every write made before the call has been handled. Rejects if the follower stops first. */
  idle(): Promise<void>
}

const longestPauseMs = 5_000

/** Hands a table's changes to `onRecords`, each at least once and in the order of its shard, as a Lambda trigger does. */
export function followStream(options: FollowOptions): Follower {
  const { intervalMs = 100, log = () => {}, tableName } = options
  const pauses = new Pauses()
  let waiting: PromiseWithResolvers<void>[] = []
  let stopped = false

  /** False when stopped before the consumer took the batch. */
  async function handOver(event: StreamEvent): Promise<boolean> {
    for (let failures = 1; !stopped; failures += 1) {
      try {
        await options.onRecords(event)
        return true
      } catch (error) {
        const pauseMs = backoffMs(failures)
        log(`stream of ${tableName}: ${event.Records.length} records again in ${pauseMs} ms: ${reason(error)}`)
        await pauses.rest(pauseMs)
      }
    }
    return false
  }

  async function follow(reader: StreamReader): Promise<void> {
    for (let failures = 0; !stopped; ) {
      const asking = waiting
      waiting = []
      let complete = false
      try {
        complete = await reader.round(asking.length > 0)
        failures = 0
      } catch (error) {
        failures += 1
        // The first failure is often an iterator that expired, which the next round mends.
        if (failures > 1) log(`stream of ${tableName} cannot be read: ${reason(error)}`)
      }
      if (complete) for (const one of asking) one.resolve()
      else waiting.unshift(...asking)
      if (failures > 0) await pauses.rest(backoffMs(failures))
      else if (!complete || waiting.length === 0) await pauses.rest(intervalMs, true)
    }
    reader.close()
    for (const one of waiting) one.reject(stoppedEarly(tableName))
  }

  const done = follow(new StreamReader(options, handOver))
  return {
    stop() {
      stopped = true
      pauses.cut()
      return done
    },
    idle() {
      if (stopped) return Promise.reject(stoppedEarly(tableName))
      const asked = Promise.withResolvers<void>()
      waiting.push(asked)
      pauses.cut(true)
      return asked.promise
    },
  }
}

/** Pauses that can be cut short: the idle ones by a question, all of them by the end. */
class Pauses {
  readonly #open = new Map<() => void, boolean>()

  rest(ms: number, wakeable = false): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer)
        this.#open.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#open.set(end, wakeable)
    })
  }

  cut(wakeableOnly = false): void {
    for (const [end, wakeable] of [...this.#open]) if (wakeable || !wakeableOnly) end()
  }
}

function backoffMs(failures: number): number {
  return Math.min(longestPauseMs, 50 * 2 ** Math.min(failures - 1, 10))
}

function stoppedEarly(tableName: string): Error {
  return new Error(`the follower of ${tableName} was stopped before the stream was read to its end`)
}

function reason(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
