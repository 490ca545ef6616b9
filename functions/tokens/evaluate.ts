import type { AccessDecision, AccessEvaluationRequest, DenialReason, EvaluationBatch } from '../../schemas/authzen.ts'
import { LinkId } from '../../schemas/ids.ts'
import type { EntitlementTokenClaims } from '../../schemas/token.ts'
import { instantOf } from '../kernel/clock.ts'
import { claimsOfLink } from './mint.ts'

type Needs = Parameters<typeof claimsOfLink>[0]
/** What a token of a link would say now, or why there would be none. */
type Standing = Awaited<ReturnType<typeof claimsOfLink>>

/** Evaluations decided side by side. */
const atOnce = 16

/**
 * The decision of AuthZEN 1.0 §6: whether the benefit could be used with an entitlement token that this partner got for
 * the link at this moment. Reads what minting reads and writes nothing. Another partner's link is an unknown one.
 */
export const evaluate = (needs: Needs, partner: string, request: AccessEvaluationRequest): Promise<AccessDecision> =>
  decide(request, id => claimsOfLink(needs, partner, id))

/**
 * The decisions of a batch in its order (AuthZEN 1.0 §7), each link read once. A semantic that stops early ends with
 * the decision that made it stop; a malformed evaluation is a denial.
 */
export async function evaluateAll(needs: Needs, partner: string, batch: EvaluationBatch): Promise<AccessDecision[]> {
  const read = new Map<LinkId, Promise<Standing>>()
  const standingOf = (id: LinkId): Promise<Standing> => {
    const standing = read.get(id) ?? claimsOfLink(needs, partner, id)
    read.set(id, standing)
    return standing
  }
  const { semantic, evaluations } = batch
  const last = { execute_all: undefined, deny_on_first_deny: false, permit_on_first_permit: true }[semantic]
  const decisions: AccessDecision[] = []
  for (let start = 0; start < evaluations.length; start += atOnce) {
    const some = evaluations
      .slice(start, start + atOnce)
      .map(one => ('malformed' in one ? malformed(one.malformed) : decide(one, standingOf)))
    for (const decision of await Promise.all(some)) {
      decisions.push(decision)
      if (decision.decision === last) return decisions
    }
  }
  return decisions
}

async function decide(
  { subject, action, resource }: AccessEvaluationRequest,
  standingOf: (id: LinkId) => Promise<Standing>,
): Promise<AccessDecision> {
  if (subject.type !== 'link') return denied('unsupported-subject')
  if (action.name !== 'use') return denied('unsupported-action')
  if (resource.type !== 'benefit') return denied('unsupported-resource')
  const { success, data: id } = LinkId.safeParse(subject.id)
  if (!success) return denied('link-not-found')
  const standing = await standingOf(id)
  return typeof standing === 'string' ? denied(standing) : decisionOf(standing, resource.id)
}

/** What a token with these claims says of a benefit (pure). */
export function decisionOf({ ent, exp }: EntitlementTokenClaims, benefit: string): AccessDecision {
  const held = ent.filter(({ bid }) => bid === benefit)
  if (held.length === 0) return denied('not-entitled')
  const entitlement = held.find(({ rem }) => rem !== 0)
  if (!entitlement) return denied('quota-exhausted')
  return { decision: true, context: { entitlement, expiresAt: instantOf(exp * 1000) } }
}

const denied = (reason: DenialReason): AccessDecision => ({ decision: false, context: { reason } })
const malformed = (message: string): AccessDecision => ({
  decision: false,
  context: { error: { status: 400, message } },
})
