import { errors, type default as Provider } from 'oidc-provider'
import { linkScope } from '../../schemas/client.ts'
import type { OAuthArtefact } from '../../schemas/oauth-records.ts'
import { epochSeconds } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { Conflict } from '../kernel/table.ts'
import { subjectsOf } from '../memberships/records.ts'
import { isLive, payloadOf } from './adapter.ts'
import { endpoints } from './endpoints.ts'
import type { Consent, LinkAsk, LinkFlows } from './flows.ts'
import { expiryIn, revokeGrant, unredeemedTtlSeconds } from './grants.ts'
import { callLibrary, type Handle, nodeRequest } from './library-call.ts'
import { consentWrite, findByAlias, findClient, giveToGrant, replacePayload } from './store.ts'
import type { LinkNeeds } from './token-call.ts'
import { readUserCode } from './user-code.ts'

type Needs = LinkNeeds & { issuer: string; server: () => Promise<Provider> }
type Parameters = Record<string, unknown>
type DeviceAsked = { ask: LinkAsk; code: OAuthArtefact; payload: Record<string, unknown> }

/** What the pages do with flows that began at a partner: see `LinkFlows`. */
export function linkFlows(needs: Needs): LinkFlows {
  return {
    asked: request => askedIn(needs, request),
    agree: (request, consent) => answerBrowser(needs, request, consent),
    decline: request => answerBrowser(needs, request, undefined),
    deviceAsked: async userCode => (await deviceAsked(needs, userCode))?.ask,
    agreeDevice: (userCode, consent) => agreeDevice(needs, userCode, consent),
    declineDevice: userCode => declineDevice(needs, userCode),
  }
}

const libraryRequest = ({ issuer }: Needs, { url, headers }: Request) =>
  nodeRequest(issuer, { method: 'GET', path: new URL(url).pathname, headers })

/** The interaction must be that of the address and that of the browser's cookie. */
async function askedIn(needs: Needs, request: Request): Promise<LinkAsk | undefined> {
  const { req, res } = libraryRequest(needs, request)
  const server = await needs.server()
  const interaction = await server.interactionDetails(req, res).catch(noneFound)
  const uid = new URL(request.url).pathname.slice(endpoints.interaction.length + 1)
  if (!interaction || interaction.uid !== uid) return undefined
  return askOf(needs, interaction.params, interaction.params['client_id'])
}

/** Of what this browser has no cookie, or what has expired. A fault of ours is no answer. */
function noneFound(error: unknown): undefined {
  if (!(error instanceof errors.SessionNotFound)) throw error
}

async function askOf({ table }: Needs, parameters: Parameters, clientId: unknown): Promise<LinkAsk | undefined> {
  const client = typeof clientId === 'string' ? await findClient(table, clientId) : undefined
  if (client?.partner === undefined) return undefined
  const { programme, account, redirect_uri: redirectUri } = parameters
  return {
    partner: client.partner,
    client: client.id,
    ...(typeof programme === 'string' && { programme }),
    ...(typeof account === 'string' && { account }),
    ...(typeof redirectUri === 'string' && { leadsTo: leadsTo(redirectUri) }),
  }
}

/** Apps' private schemes have no origin. */
function leadsTo(redirectUri: string): string {
  const { origin, protocol } = new URL(redirectUri)
  return origin === 'null' ? protocol : origin
}

/** Leads the browser on to the library, which sends it back to the partner with the answer. */
async function answerBrowser(needs: Needs, request: Request, consent: Consent | undefined): Promise<Response> {
  const ask = await askedIn(needs, request)
  if (!ask) throw new Refusal('interaction-expired')
  const server = await needs.server()
  const result = consent ? await agreed(needs, ask, consent) : declined
  const asGet = { method: 'GET', path: new URL(request.url).pathname, headers: request.headers } as const
  const finish: Handle = (req, res) => server.interactionFinished(req, res, result, { mergeWithLastSubmission: false })
  try {
    return (await callLibrary(finish, needs.issuer, asGet)).response
  } catch (error) {
    throw error instanceof errors.SessionNotFound ? new Refusal('interaction-expired') : error
  }
}

const declined = { error: 'access_denied', error_description: 'the member declined' }

async function agreed(needs: Needs, ask: LinkAsk, consent: Consent) {
  const { grantId, subject } = await grant(needs, ask, consent, 'partner')
  return { login: { accountId: subject, remember: false }, consent: { grantId } }
}

/** What the member agrees to, with a grant that a code or a device code may then carry to the partner. */
async function grant(needs: Needs, ask: LinkAsk, { member, programme }: Consent, via: 'partner' | 'device') {
  const { table, now, issuer } = needs
  const { partner, client, account } = ask
  if (ask.programme !== undefined && ask.programme !== programme)
    throw new Refusal('invalid-request', `the partner asks for programme ${ask.programme}`)
  const subject = (await subjectsOf(table, member))[partner]
  if (subject === undefined) throw new Refusal('no-benefit-here')
  const { Grant } = await needs.server()
  const made = new Grant({ accountId: subject, clientId: client })
  made.addResourceScope(issuer, linkScope)
  const grantId = await made.save()
  const record = { member, programme, partner, client, via, consentedAt: now() }
  const expiresAt = expiryIn(needs, unredeemedTtlSeconds)
  await table.write(consentWrite(grantId, { ...record, ...(account !== undefined && { account }), expiresAt }))
  return { grantId, subject }
}

async function deviceAsked(needs: Needs, typed: string): Promise<DeviceAsked | undefined> {
  const userCode = readUserCode(typed)
  const code = await findByAlias(needs.table, 'DeviceCode', { by: 'user-code', value: userCode })
  const payload = payloadOf(code)
  if (!code || !payload || !isLive(code, needs.wallNow) || payload.userCode !== userCode) return undefined
  if (payload.accountId !== undefined || payload.error !== undefined || payload.consumed !== undefined) return undefined
  const ask = await askOf(needs, payload.params ?? {}, payload.clientId)
  return ask && { ask, code, payload }
}

async function agreeDevice(needs: Needs, userCode: string, consent: Consent): Promise<boolean> {
  const asked = await deviceAsked(needs, userCode)
  if (!asked) return false
  const { code, payload, ask } = asked
  const { grantId, subject } = await grant(needs, ask, consent, 'device')
  // What the library itself writes when its own page is answered.
  const answered = {
    ...payload,
    accountId: subject,
    authTime: epochSeconds(needs.wallNow()),
    grantId,
    scope: linkScope,
    resource: needs.issuer,
  }
  if (await wins(giveToGrant(needs.table, code, JSON.stringify(answered), grantId))) return true
  await revokeGrant(needs, grantId)
  return false
}

async function declineDevice(needs: Needs, userCode: string): Promise<boolean> {
  const asked = await deviceAsked(needs, userCode)
  if (!asked) return false
  const { error, error_description: errorDescription } = declined
  const payload = JSON.stringify({ ...asked.payload, error, errorDescription })
  return wins(replacePayload(needs.table, asked.code, payload))
}

/** False for who was not the first to answer. */
async function wins(write: Promise<void>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}
