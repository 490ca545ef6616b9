import { createVerifier, TokenRefused, type VerifiedEntitlements } from '../../sdk/index.ts'
import { clockOf, expectEqual, NotAsExpected, type Stage } from './story-client.ts'

type Json = Record<string, unknown>
/** A change shows in the status list within 60 s (domain.md); the story gives it a little longer than that. */
const patienceMilliseconds = 65_000

/** What became of a token: verified by the partner kit, online status and all, as of the gateway's clock. */
async function verifiedNow({ gateway }: Stage, token: string): Promise<VerifiedEntitlements> {
  const now = Math.floor(Date.parse(await clockOf(gateway)) / 1000)
  return createVerifier({ issuer: gateway, audience: 'youku', checkStatus: true, now: () => now }).verify(token)
}

const verdictOf = (stage: Stage, token: string): Promise<string> =>
  verifiedNow(stage, token).then(
    () => 'accepted',
    (error: unknown) => {
      if (error instanceof TokenRefused) return error.code
      throw error
    },
  )

/** Each look fetches the list anew, as a partner that has just started would. */
async function becomes(stage: Stage, token: string, wanted: string): Promise<void> {
  const started = performance.now()
  let verdict = await verdictOf(stage, token)
  while (verdict !== wanted) {
    if (performance.now() - started > patienceMilliseconds)
      throw new NotAsExpected(`a token that should become ${wanted} is still ${verdict}`)
    await new Promise(resolve => setTimeout(resolve, 250))
    verdict = await verdictOf(stage, token)
  }
}

const mint = async ({ youku }: Stage, account: string): Promise<string> =>
  String(((await youku.post('/v1/entitlement-tokens', { account })).body as Json)['token'])

/** A token lives on after its membership was suspended; the status list takes it back, and gives it back. */
export async function suspendAndResume(stage: Stage, membership: string): Promise<void> {
  const account = `${stage.login}-youku`
  const token = await mint(stage, account)
  const { linkId } = await verifiedNow(stage, token)
  await stage.brand.post(`/v1/memberships/${membership}/suspend`, { reason: 'payment check' })
  const refused = await stage.youku.post('/v1/entitlement-tokens', { account }, 409)
  expectEqual('code while suspended', (refused.body as Json)['code'], 'nothing-entitled')
  expectEqual('online decision while suspended', await decisionOn(stage, linkId), false)
  await becomes(stage, token, 'token-suspended')
  await stage.brand.post(`/v1/memberships/${membership}/resume`, {})
  expectEqual('online decision after resuming', await decisionOn(stage, linkId), true)
  await becomes(stage, token, 'accepted')
}

/** AuthZEN: the same answer as a fresh token, without a token. */
async function decisionOn({ youku }: Stage, linkId: string): Promise<unknown> {
  const { body } = await youku.post('/access/v1/evaluation', {
    subject: { type: 'link', id: linkId },
    action: { name: 'use' },
    resource: { type: 'benefit', id: 'youku-vip' },
  })
  return (body as Json)['decision']
}

/** Tokens of before and after a change of keys verify alike. */
export async function rotateKeys(stage: Stage): Promise<void> {
  const account = `${stage.login}-youku`
  const before = await mint(stage, account)
  const { body } = await stage.brand.post('/v1/keys/entitlement/rotate', { reason: 'story' })
  const states = ((body as Json)['keys'] as { state: string }[]).map(({ state }) => state)
  if (!states.includes('current') || !states.includes('next'))
    throw new NotAsExpected(`after a rotation there is no current and next key: ${states.join(', ')}`)
  const after = await mint(stage, account)
  expectEqual('token of before the rotation', await verdictOf(stage, before), 'accepted')
  expectEqual('token of after the rotation', await verdictOf(stage, after), 'accepted')
}
