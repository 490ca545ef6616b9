import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Fetch } from './bounded-fetch.ts'
import { boundedNumber } from './bounds.ts'
import { issuerBase } from './issuer-url.ts'
import type { PassClaims } from './passes.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'
import { type GatewayProblem, problemOf } from './reporter-batch.ts'
import { isRecord } from './reporter-event.ts'
import { type Answer, post } from './reporter-exchange.ts'

export interface GatewayPassClaimsOptions {
  /** URL of the gateway: the verifier's issuer. */
  readonly issuer: string
  /**
   * An access token with the scope `redemptions:write`, asked for before each exchange: keep one until shortly before its
   * end. `refused` is a token that the gateway has just answered with 401: get another.
   */
  readonly token: (refused?: string) => Promise<string>
  /** Default: the platform's. */
  readonly fetch?: Fetch | undefined
  /** For one exchange, of which a claim takes three at most, the pauses between them apart. Default 3,000. */
  readonly timeoutMilliseconds?: number | undefined
}

/**
 * The gateway refused the till, not the pass: the access token is of another partner (`not-yours`) or lacks the scope, the
 * issuer is wrong. `problem` says which.
 */
export class PassClaimFailed extends Error {
  override readonly name = 'PassClaimFailed'
  readonly code = 'caller-refused'
  readonly problem: GatewayProblem

  constructor(problem: GatewayProblem) {
    super(
      `the gateway answered ${problem.status} ${problem.code} to a redemption: look at access token, scope and issuer`,
    )
    this.problem = problem
  }
}

const MAX_ANSWER_BYTES = 256 * 1024
const TIMEOUT = { least: 100, most: 60_000, standard: 3_000 }
/** Before the second and the third attempt: somebody waits at the till. */
const PAUSES_MILLISECONDS = [200, 600]
/** What the gateway says of the pass itself, by the names that both use. */
const OF_PASS = ['pass-not-found', 'pass-expired', 'nothing-entitled'] as const satisfies RefusalCode[]
const isOfPass = (code: string): code is (typeof OF_PASS)[number] => OF_PASS.some(known => known === code)

/**
 * Claims by `POST /v1/passes/redeem`: the gateway decides for all tills, and the member finds the redemption in the own
 * log. Each claim is a redemption of its own with a random id, which only its repetitions over a bad line share; so a
 * pass that is scanned again is claimed again, and refused.
 * @throws TypeError, RangeError when the options cannot be right
 * @throws from `claim`: TokenRefused `pass-not-found`, `pass-expired`, `nothing-entitled`; `pass-gateway-unavailable` when
 *   no answer could be had, and then the gateway may or may not have redeemed the pass; PassClaimFailed
 */
export function createGatewayPassClaims(options: GatewayPassClaimsOptions): PassClaims {
  const { issuer, token, fetch = globalThis.fetch } = options
  if (typeof token !== 'function') throw new TypeError('token must be a function that resolves to an access token')
  const url = `${issuerBase(issuer)}/v1/passes/redeem`
  const timeoutMilliseconds = boundedNumber('timeoutMilliseconds', options.timeoutMilliseconds, TIMEOUT)

  async function send(body: string, refused?: string): Promise<Answer> {
    const access = await token(refused)
    const headers = {
      accept: 'application/json',
      authorization: `Bearer ${access}`,
      'content-type': 'application/json',
    }
    const answer = await post(fetch, url, { headers, body }, { timeoutMilliseconds, maxBytes: MAX_ANSWER_BYTES })
    return answer.status === 401 && refused === undefined ? send(body, access) : answer
  }

  async function asked(body: string): Promise<Answer> {
    for (const milliseconds of PAUSES_MILLISECONDS) {
      const answer = await send(body).catch(() => undefined)
      if (answer && answer.status < 500) return answer
      await pause(milliseconds)
    }
    return send(body)
  }

  return {
    async claim(passId, _expiresAt, pass) {
      const id = randomUUID()
      const answer = await asked(JSON.stringify({ id, token: pass })).catch((cause: unknown) => {
        throw new TokenRefused('pass-gateway-unavailable', { cause })
      })
      // Whoever else answers on the way, such as the sign-in page of a network, does not know the id.
      const told = isRecord(answer.body) ? answer.body : {}
      if (answer.status === 201 && told['id'] === id && told['pass'] === passId) return true
      return refusedBy(problemOf(answer.status, answer.body))
    },
  }
}

/** @returns false: the pass was redeemed before @throws for every other answer */
function refusedBy(problem: GatewayProblem): false {
  const { status, code } = problem
  if (status < 400 || status === 429 || status >= 500 || code === 'unreadable')
    throw new TokenRefused('pass-gateway-unavailable', { cause: new PassClaimFailed(problem) })
  if (code === 'pass-already-redeemed') return false
  throw isOfPass(code) ? new TokenRefused(code) : new PassClaimFailed(problem)
}
