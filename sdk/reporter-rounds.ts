import { UsageUndelivered } from './reporter-errors.ts'
import type { DeliveryQueue } from './reporter-queue.ts'

/** When the queue is sent: on demand, as batches come, and again after a pause where it could not be. */
export interface Rounds {
  /**
   * Sends now, also within a pause of its own choice, but not within one that the gateway has asked for.
   * @throws UsageUndelivered
   */
  run(): Promise<void>
  /** Sends now unless there is a pause; within one, batches are kept until it is over. Failures go to `onUndelivered`. */
  start(): void
  /** No more rounds by itself. */
  end(): void
}

interface Pause {
  readonly timer: NodeJS.Timeout
  /** What the gateway has asked for. */
  readonly demanded: UsageUndelivered | undefined
}

const MAX_TIMER_MILLISECONDS = 2_147_483_647

export function createRounds(queue: DeliveryQueue, pauseMilliseconds: number): Rounds {
  let pause: Pause | undefined
  let isEnded = false

  function resume(): void {
    clearTimeout(pause?.timer)
    pause = undefined
  }

  /** The timer keeps the process alive: what waits must not be lost because a script has come to its end. */
  function pauseAfter(error: unknown): void {
    resume()
    if (isEnded) return
    const { retryAfterMilliseconds: asked } = error instanceof UsageUndelivered ? error : {}
    const timer = setTimeout(next, Math.min(Math.max(pauseMilliseconds, asked ?? 0), MAX_TIMER_MILLISECONDS))
    pause = { timer, demanded: asked === undefined ? undefined : (error as UsageUndelivered) }
  }

  async function run(): Promise<void> {
    const demanded = pause?.demanded
    if (demanded !== undefined) {
      await queue.keep()
      throw demanded
    }
    try {
      await queue.drain()
    } catch (error) {
      pauseAfter(error)
      throw error
    }
    // What is left by now has come meanwhile, and may have brought a pause with it.
    if (queue.waiting() === 0) resume()
  }

  function start(): void {
    const round = pause === undefined ? run() : queue.keep()
    round.catch(() => undefined)
  }

  function next(): void {
    pause = undefined
    start()
  }

  return {
    run,
    start,
    end() {
      isEnded = true
      resume()
    },
  }
}
