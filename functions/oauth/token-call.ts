import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { AccountId } from '../../schemas/link.ts'
import type { LinkConsent } from '../../schemas/oauth-records.ts'
import { Slug } from '../../schemas/primitives.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { recordActivity } from '../links/activity.ts'
import { makeLink } from '../links/complete-link.ts'
import { findLinkRecord } from '../links/records.ts'
import { consentOf, keepConsent, keepGrant, linkedConsent, rememberAccessToken, revokeGrant } from './grants.ts'
import { answerOf } from './library-call.ts'
import { accessTokenTtlSeconds } from './verify-access.ts'

export type LinkNeeds = { table: Table; now: Now; wallNow: Now; newId: NewId; random: Random; log: Log }
type Form = Record<string, unknown> | undefined
type Answer = { status: number; body: Record<string, unknown> }

const invalidGrant = (description: string) => new errors.CustomOIDCProviderError('invalid_grant', description)

/**
 * Which account a partner's token call is for: as it said before the member agreed, or now. Asked before the code is
 * used up, so that a call that forgot it can be mended. A parameter without a value is none (RFC 6749 section 3.1).
 * @throws errors `invalid_request` where none is named or it cannot be one, `invalid_grant` where two differ
 */
export function settledAccount({ account: known, programme }: LinkConsent, form: Form): string {
  const account = form?.['account'] || known
  if (account === undefined)
    throw new errors.InvalidRequest('send account: your own id of the account that the member is to link')
  checkAccount(account)
  const asked = form?.['programme'] || programme
  checkProgramme(asked)
  if (known !== undefined && account !== known) throw invalidGrant('the member agreed to link another account')
  if (asked !== programme) throw invalidGrant(`the member agreed to a link of programme ${programme}`)
  return account
}

export function checkAccount(value: unknown): asserts value is string {
  if (!AccountId.safeParse(value).success) throw new errors.InvalidRequest('account must have 1 to 255 characters')
}

export function checkProgramme(value: unknown): void {
  if (value !== undefined && !Slug.safeParse(value).success)
    throw new errors.InvalidRequest('programme must be the id of a programme, such as 88vip')
}

/** What the member agreed to, from when a call's code or refresh token is looked at until the call is answered. */
const agreedTo = new WeakMap<object, LinkConsent>()

/**
 * Before a code or device code is used up. What the member agreed to is remembered with the call: a rival call with the
 * same code takes the grant away (RFC 6749 section 4.1.2), but the one that was first makes the link.
 * @throws errors as `settledAccount`
 */
export async function checkBeforeUse(needs: LinkNeeds, grantId: string | undefined, ctx: KoaContextWithOIDC) {
  const consent = grantId === undefined ? undefined : await consentOf(needs, grantId)
  if (!consent) throw invalidGrant('what the member agreed to has expired: begin again')
  settledAccount(consent, ctx.oidc.body)
  agreedTo.set(ctx, consent)
}

/**
 * Makes the link that the member agreed to, once the library has accepted the code and before its answer leaves. Where
 * that is refused, the grant goes with everything that was issued under it.
 */
export async function redeem(needs: LinkNeeds, ctx: KoaContextWithOIDC): Promise<Answer> {
  const { oidc } = ctx
  const grantId = oidc.grant?.jti ?? ''
  const consent = agreedTo.get(ctx)
  if (!consent) throw new Error('a code was used up without being looked at')
  const { member, programme, partner, via, consentedAt } = consent
  try {
    const account = settledAccount(consent, oidc.body)
    await keepGrant(needs, grantId)
    await rememberToken(needs, oidc, grantId)
    const alongside = async (link: LinkConsent['link'] & string) => [linkedConsent(needs, grantId, consent, link)]
    const link = await makeLink(needs, { member, programme, partner, account, via, consentedAt, alongside })
    return { status: 200, body: linkedAnswer(ctx, programme, link) }
  } catch (error) {
    if (error instanceof Refusal && refusals[error.code][0] < 500) {
      await revokeGrant(needs, grantId).catch(logged(needs, consent))
      return refused(needs, consent, error)
    }
    logged(needs, consent)(error)
    return unsettled(needs, ctx, grantId)
  }
}

const linkedAnswer = (ctx: KoaContextWithOIDC, programme: string, link: LinkConsent['link']) => ({
  ...answerOf(ctx),
  link_id: link,
  programme,
})

const logged =
  ({ log }: LinkNeeds, { client }: Pick<LinkConsent, 'client'>) =>
  (error: unknown): undefined => {
    log('error', 'oauth-failed', { client, ...errorFields(error) })
  }

/**
 * After a fault that may have come before or after the link was written: the consent, which is written with it, tells.
 * The grant goes only where it is certain that there is no link.
 */
async function unsettled(needs: LinkNeeds, ctx: KoaContextWithOIDC, grantId: string): Promise<Answer> {
  const client = ctx.oidc.client?.clientId ?? ''
  const consent = await consentOf(needs, grantId).catch(logged(needs, { client }))
  if (consent?.link) return { status: 200, body: linkedAnswer(ctx, consent.programme, consent.link) }
  if (!consent) return unavailable('whether a link was made is not known: look at GET /v1/links before you begin again')
  await revokeGrant(needs, grantId).catch(logged(needs, consent))
  return unavailable('no link was made: begin again later')
}

const unavailable = (error_description: string): Answer => ({
  status: 503,
  body: { error: 'server_error', error_description },
})

async function refused(needs: LinkNeeds, consent: LinkConsent, error: Refusal): Promise<Answer> {
  const { member, programme, partner, client, via } = consent
  const { code } = error
  needs.log('warn', 'link-refused', { client, code })
  await recordActivity(needs, member, { at: needs.now(), action: 'link-refused', programme, partner, code, via })
  return { status: 400, body: { error: 'access_denied', error_description: described(`${code}: ${error.message}`) } }
}

/** RFC 6749 section 5.2 allows visible ASCII without quotes and backslashes. */
const described = (text: string): string => text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '').slice(0, 500)

/** A refresh token stands for a link: it is good as long as that. @throws errors `invalid_grant` */
export async function requireLink(needs: LinkNeeds, ctx: KoaContextWithOIDC): Promise<void> {
  const grantId = ctx.oidc.entities.RefreshToken?.grantId
  const consent = grantId === undefined ? undefined : await consentOf(needs, grantId)
  const link = consent?.link && (await findLinkRecord(needs.table, consent.link))
  if (consent && link && link.state === 'active') {
    agreedTo.set(ctx, consent)
    return
  }
  if (grantId !== undefined) await revokeGrant(needs, grantId)
  throw invalidGrant('the link has ended: the member may link again')
}

/**
 * After a refresh: what is used is kept. The old token is used up by now, and a client that was told to try again with it
 * would lose its grant: so whatever fails here is logged, and the client gets its tokens.
 */
export async function refreshed(needs: LinkNeeds, ctx: KoaContextWithOIDC): Promise<Answer> {
  const { oidc } = ctx
  const grantId = oidc.grant?.jti ?? ''
  const consent = agreedTo.get(ctx)
  if (!consent) throw new Error('a refresh token was used up without being looked at')
  const kept = [keepGrant(needs, grantId), keepConsent(needs, grantId, consent), rememberToken(needs, oidc, grantId)]
  await Promise.all(kept.map(each => each.catch(logged(needs, consent))))
  return { status: 200, body: linkedAnswer(ctx, consent.programme, consent.link) }
}

async function rememberToken(needs: LinkNeeds, oidc: KoaContextWithOIDC['oidc'], grantId: string): Promise<void> {
  const jti = oidc.entities.AccessToken?.jti
  if (jti !== undefined) await rememberAccessToken(needs, jti, grantId, accessTokenTtlSeconds)
}
