import { createEventVerifier } from '../../sdk/events.ts'
import {
  createSignatureVerifier,
  createVerifier,
  SETTLEMENT_STATEMENT_TYP,
  TokenRefused,
  USAGE_RECEIPT_TYP,
} from '../../sdk/index.ts'
import { createTestIssuer, type OfferedTo, type TestIssuer } from '../../sdk/testing/index.ts'

export const NOW = 1_790_000_000

/** An issuer whose clock, and the verifier's with it, can be moved. */
export function scene() {
  const clock = { now: NOW }
  const issuer = createTestIssuer({ issuer: 'https://tessera.example', now: () => clock.now })
  return { clock, issuer }
}

export type Verify = (token: string) => Promise<unknown>

/** The kit as a partner sets it up, but for what the row calls for. */
export function kitFor(
  offeredTo: OfferedTo,
  issuer: Pick<TestIssuer, 'issuer' | 'audience' | 'now' | 'fetch'>,
  checkStatus = true,
): Verify {
  const options = { issuer: issuer.issuer, audience: issuer.audience, now: issuer.now, fetch: issuer.fetch }
  const verifiers = {
    entitlement: () => createVerifier({ ...options, checkStatus }),
    receipt: () => createSignatureVerifier({ ...options, typ: USAGE_RECEIPT_TYP }),
    statement: () => createSignatureVerifier({ ...options, typ: SETTLEMENT_STATEMENT_TYP }),
    event: () => createEventVerifier(options),
  } as const
  const verifier = verifiers[offeredTo]()
  return token => verifier.verify(token)
}

/** The code of the refusal, with that of its cause if it has one; anything but a refusal fails the test. */
export async function outcome(verification: Promise<unknown>): Promise<string> {
  try {
    await verification
    return 'accepted'
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    return error.cause instanceof TokenRefused ? `${error.code} because ${error.cause.code}` : error.code
  }
}
