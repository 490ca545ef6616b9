import { TokenRefused, type VerifiedEntitlement, type VerifiedEntitlements, type Verifier } from '../../sdk/index.ts'
import { GatewayRefused, type PartnerGateway } from './partner-gateway.ts'

/** What an account has here: never more than a token says that has been verified a moment ago. */
export type Standing =
  | { readonly kind: 'not-linked' }
  | {
      readonly kind: 'linked'
      /** Verified tokens, one a programme. */
      readonly passes: readonly VerifiedEntitlements[]
      /** Why the other programmes unlock nothing: stable codes, of the gateway or of the verification. */
      readonly refusals: readonly Locked[]
    }

export interface Locked {
  /** Who said no: the gateway gave no token, or the token it gave must not be honoured. */
  readonly by: 'gateway' | 'verification'
  readonly code: string
}

export interface Pass {
  readonly token: VerifiedEntitlements
  readonly entitlement: VerifiedEntitlement
}

interface Needs {
  readonly gateway: Pick<PartnerGateway, 'entitlementToken' | 'liveLinks'>
  readonly verifier: Verifier
}

/** @throws GatewayRefused, GatewayUnreachable when the gateway cannot tell */
export async function standingOf({ gateway, verifier }: Needs, account: string): Promise<Standing> {
  const answers = await tokensOf(gateway, account)
  if (answers.length === 0) return { kind: 'not-linked' }
  const judged = await Promise.all(
    answers.map(async answer => (typeof answer === 'string' ? verified(verifier, answer) : answer)),
  )
  return {
    kind: 'linked',
    passes: judged.filter((one): one is VerifiedEntitlements => !isLocked(one)),
    refusals: judged.filter(isLocked),
  }
}

/** The verified right to use a benefit; `entitlement` tells two programmes that give the same benefit apart. */
export function passFor(standing: Standing, benefit: string, entitlement: string): Pass | undefined {
  if (standing.kind !== 'linked') return undefined
  return passesOf(standing.passes).find(
    pass => pass.entitlement.benefit === benefit && pass.entitlement.id === entitlement,
  )
}

export const passesOf = (tokens: readonly VerifiedEntitlements[]): Pass[] =>
  tokens.flatMap(token => token.entitlements.map(entitlement => ({ token, entitlement })))

const isLocked = (one: VerifiedEntitlements | Locked): one is Locked => 'code' in one

async function tokensOf(gateway: Needs['gateway'], account: string): Promise<(string | Locked)[]> {
  try {
    return [await gateway.entitlementToken({ account })]
  } catch (error) {
    const code = refusalCode(error)
    if (code === 'link-not-found') return []
    if (code === 'nothing-entitled') return [{ by: 'gateway', code }]
    if (code !== 'programme-ambiguous') throw error
  }
  const links = await gateway.liveLinks(account)
  const answers = await Promise.all(links.map(({ programme }) => tokenOfProgramme(gateway, { account, programme })))
  return answers.filter(answer => answer !== undefined)
}

async function tokenOfProgramme(gateway: Needs['gateway'], request: { account: string; programme: string }) {
  try {
    return await gateway.entitlementToken(request)
  } catch (error) {
    const code = refusalCode(error)
    // The link may have ended since it was listed.
    if (code === 'link-not-found') return undefined
    if (code === 'nothing-entitled') return { by: 'gateway' as const, code }
    throw error
  }
}

const refusalCode = (error: unknown): string | undefined => (error instanceof GatewayRefused ? error.code : undefined)

/** The one place that unlocks: a token counts only if it verifies. */
async function verified(verifier: Verifier, token: string): Promise<VerifiedEntitlements | Locked> {
  try {
    return await verifier.verify(token)
  } catch (error) {
    if (error instanceof TokenRefused) return { by: 'verification', code: error.code }
    throw error
  }
}
