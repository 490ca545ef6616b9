import { randomUUID } from 'node:crypto'
import { type CryptoKey, importJWK, type JWK, SignJWT } from 'jose'
import * as openid from 'openid-client'
import { createEventVerifier, type VerifiedEvents } from '../../sdk/index.ts'
import type { MachineClient } from './partner-gateway.ts'

/** A device flow that a TV of this platform shows. */
export interface TvFlow {
  readonly userCode: string
  /** Address with the code in it, for the QR code. */
  readonly address: string
  /** Without the code, short enough to type. */
  readonly shortAddress: string
  readonly expiresAtMs: number
  /** How often to ask whether the member has agreed. */
  readonly intervalSeconds: number
}
export type TvOutcome =
  | { readonly kind: 'linked'; readonly link: string }
  | { readonly kind: 'waiting'; readonly flow: TvFlow }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'none' }

export interface MembershipDeskOptions {
  /** Issuer of the gateway. */
  readonly gateway: string
  readonly partner: string
  /** This platform's own address, which is its OpenID issuer. */
  readonly url: string
  readonly client: MachineClient
  /** The key of this platform's OpenID provider: it signs the events that are sent to the gateway. */
  readonly signingKey: JWK
  /** The gateway's client id at this platform's OpenID provider: `aud` of the events that are sent to it. */
  readonly audience: string
  /** Epoch seconds of the gateway's clock, by which its events are dated. */
  readonly nowSeconds: () => number
}

type Begun = { readonly account: string; readonly verifier: string }
type Polled = { readonly flow: TvFlow; readonly deviceCode: string; nextPollAtMs: number; intervalSeconds: number }
type LinkAnswer = { readonly link_id?: unknown }

const KEPT = 200
const EVENTS_KEPT = 500

export type MembershipDesk = ReturnType<typeof membershipDesk>

/**
 * Links that begin here: this platform is an OAuth client of the gateway, in a browser (code, PKCE, pushed request) and on
 * a TV (device flow). And what the two tell each other afterwards: withdrawn consents there, ended links here.
 */
export function membershipDesk(options: MembershipDeskOptions) {
  const { gateway, partner, url, client, nowSeconds } = options
  const redirectUri = `${url}/connect/callback`
  const begun = new Map<string, Begun>()
  const polled = new Map<string, Polled>()
  const received: VerifiedEvents[] = []
  const events = createEventVerifier({
    issuer: gateway,
    audience: partner,
    now: nowSeconds,
    seen: id => received.some(({ tokenId }) => tokenId === id),
  })
  let found: Promise<openid.Configuration> | undefined

  /** Not before it is needed: the gateway starts after its partners. */
  function configuration(): Promise<openid.Configuration> {
    found ??= openid
      .discovery(new URL(gateway), client.id, {}, openid.ClientSecretBasic(client.secret), {
        algorithm: 'oauth2',
        execute: [openid.allowInsecureRequests],
      })
      .catch(error => {
        found = undefined
        throw error
      })
    return found
  }

  function remember<Value>(kept: Map<string, Value>, key: string, value: Value): void {
    kept.delete(key)
    kept.set(key, value)
    const [oldest] = kept.keys()
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
  }

  return {
    /** What the gateway told of this account, the latest first. */
    eventsOf: (account: string): readonly VerifiedEvents[] =>
      received.filter(({ events }) => Object.values(events).some(told => told['account'] === account)),

    /** Where the browser goes to agree. The account travels in the pushed request, never through the browser. */
    async begin(account: string): Promise<string> {
      const found = await configuration()
      const state = openid.randomState()
      const verifier = openid.randomPKCECodeVerifier()
      remember(begun, state, { account, verifier })
      const location = await openid.buildAuthorizationUrlWithPAR(found, {
        redirect_uri: redirectUri,
        scope: 'link',
        state,
        code_challenge: await openid.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        account,
      })
      return location.href
    },

    /** Whether an answer is awaited: each is taken once. */
    awaits: (account: string, state: string): boolean => begun.get(state)?.account === account,

    /** @returns the link; undefined where this account did not begin, or the member cancelled @throws what openid-client does */
    async finish(account: string, answer: URL): Promise<string | undefined> {
      const state = answer.searchParams.get('state') ?? ''
      const attempt = begun.get(state)
      begun.delete(state)
      if (attempt?.account !== account) return undefined
      if (answer.searchParams.get('error') === 'access_denied') return undefined
      const checks = { expectedState: state, pkceCodeVerifier: attempt.verifier }
      return linkIn(await openid.authorizationCodeGrant(await configuration(), answer, checks))
    },

    async beginOnTv(account: string): Promise<TvFlow> {
      const answer = await openid.initiateDeviceAuthorization(await configuration(), { scope: 'link', account })
      const flow = {
        userCode: answer.user_code,
        address: answer.verification_uri_complete ?? answer.verification_uri,
        shortAddress: answer.verification_uri,
        expiresAtMs: Date.now() + answer.expires_in * 1000,
        intervalSeconds: answer.interval ?? 5,
      }
      const { intervalSeconds } = flow
      remember(polled, account, { flow, deviceCode: answer.device_code, nextPollAtMs: 0, intervalSeconds })
      return flow
    },

    /** One poll at most each interval; in between it answers what it knows. A linked or refused flow is over by that. */
    async checkTv(account: string): Promise<TvOutcome> {
      const waiting = polled.get(account)
      if (!waiting) return { kind: 'none' }
      const { flow, deviceCode } = waiting
      const still = (): TvOutcome => ({
        kind: 'waiting',
        flow: { ...flow, intervalSeconds: waiting.intervalSeconds },
      })
      if (Date.now() < waiting.nextPollAtMs) return still()
      waiting.nextPollAtMs = Date.now() + waiting.intervalSeconds * 1000
      try {
        const tokens = await openid.genericGrantRequest(
          await configuration(),
          'urn:ietf:params:oauth:grant-type:device_code',
          { device_code: deviceCode },
        )
        polled.delete(account)
        return { kind: 'linked', link: linkIn(tokens) }
      } catch (error) {
        const answered = error instanceof openid.ResponseBodyError
        // RFC 8628 section 3.5: slower from now on, and slower too where no answer came.
        if (!answered || error.error === 'slow_down') waiting.intervalSeconds += 5
        const isOver = answered
          ? error.error !== 'slow_down' && error.error !== 'authorization_pending'
          : Date.now() >= flow.expiresAtMs
        if (!isOver) return still()
        polled.delete(account)
        return { kind: 'refused', code: answered ? refusalIn(error) : 'expired_token' }
      }
    },

    /** Tells the gateway that the account's owner withdrew the consent here: a signed event (RFC 8417), pushed (RFC 8935). */
    async withdraw(account: string): Promise<void> {
      const { kid, ...jwk } = options.signingKey
      const token = await new SignJWT({
        sub_id: { format: 'iss_sub', iss: url, sub: account },
        events: { 'https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked': {} },
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'secevent+jwt', ...(kid && { kid }) })
        .setIssuer(url)
        .setAudience(options.audience)
        .setIssuedAt()
        .setJti(randomUUID())
        .sign((await importJWK(jwk, 'ES256')) as CryptoKey)
      const answer = await fetch(`${gateway}/events/${encodeURIComponent(partner)}`, {
        method: 'POST',
        headers: { 'content-type': 'application/secevent+jwt', accept: 'application/json' },
        body: token,
        redirect: 'error',
        signal: AbortSignal.timeout(5000),
      })
      if (answer.status !== 202) throw new Error(`the gateway answered ${answer.status} to an event`)
    },

    /** Takes an event of the gateway. @throws TokenRefused */
    async receive(token: string): Promise<void> {
      const verified = await events.verify(token)
      received.unshift(verified)
      received.length = Math.min(received.length, EVENTS_KEPT)
    },
  }
}

const linkIn = ({ link_id: link }: openid.TokenEndpointResponse & LinkAnswer): string =>
  typeof link === 'string' ? link : ''

/** The description of a refused link begins with the gateway's own code. */
function refusalIn({ error, error_description: description }: openid.ResponseBodyError): string {
  const code = /^([a-z][a-z-]{1,63}):/.exec(description ?? '')?.[1]
  return code ?? error
}
