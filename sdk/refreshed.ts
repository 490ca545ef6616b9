import { TokenRefused } from './refused.ts'

/** Something fetched from the issuer, and the time in which it counts as fresh: epoch seconds, the end exclusive. */
export interface Fetched {
  readonly fetchedAt: number
  readonly freshUntil: number
}

export interface RefreshedOptions<Value extends Fetched> {
  /**
   * @param held what the value will replace
   * @param at when the attempt begins
   * @throws TokenRefused, which is kept as the last failure; any other error is only passed on
   */
  readonly load: (held: Value | undefined, at: number) => Promise<Value>
  /** Seconds between the end of a failed attempt and the next one. */
  readonly pauseSeconds: (held: Value | undefined, at: number) => number
  /** Epoch seconds. */
  readonly now: () => number
}

/** One value of the issuer's that is fetched when needed: one attempt at a time, and a pause after each that fails. */
export interface Refreshed<Value extends Fetched> {
  /** What was loaded last, fresh or not. */
  held(): Value | undefined
  fresh(at: number): Value | undefined
  isLoading(): boolean
  /**
   * Joins the attempt under way, or begins one.
   * @throws TokenRefused of this attempt, or of the last one while its pause lasts
   */
  refresh(): Promise<Value>
  /** What is held is not to be used or built upon any more. */
  forget(): void
}

interface Failure {
  readonly refusal: TokenRefused
  readonly endedAt: number
}

export function createRefreshed<Value extends Fetched>(options: RefreshedOptions<Value>): Refreshed<Value> {
  const { load, pauseSeconds, now } = options
  let held: Value | undefined
  let flight: Promise<Value> | undefined
  let failure: Failure | undefined

  async function attempt(at: number): Promise<Value> {
    try {
      held = await load(held, at)
      failure = undefined
      return held
    } catch (error) {
      // Counted from the end: an attempt that ran into its timeout would have used up the pause by itself.
      if (error instanceof TokenRefused) failure = { refusal: error, endedAt: now() }
      throw error
    } finally {
      flight = undefined
    }
  }

  return {
    held: () => held,
    fresh: at => (held !== undefined && at >= held.fetchedAt && at < held.freshUntil ? held : undefined),
    isLoading: () => flight !== undefined,
    async refresh() {
      if (flight !== undefined) return await flight
      const at = now()
      if (failure !== undefined && within(at, failure.endedAt, pauseSeconds(held, at))) {
        const { code, cause } = failure.refusal
        throw new TokenRefused(code, { cause })
      }
      flight = attempt(at)
      return await flight
    },
    forget() {
      held = undefined
    },
  }
}

/** False for a moment before `since` too: a clock that was set back must not make a pause longer. */
export function within(at: number, since: number, seconds: number): boolean {
  return at >= since && at - since < seconds
}
