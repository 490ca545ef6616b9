import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Instant } from '../../schemas/primitives.ts'
import { createGatewayPassClaims, createSignatureVerifier, createVerifier, USAGE_RECEIPT_TYP } from '../../sdk/index.ts'
import { epochSeconds } from '../kernel/clock.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import type { Accounts, Bilingual } from './accounts.ts'
import { newSigningKey, type OpenidProvider, openidProvider } from './openid.ts'
import type { Display } from './pages.ts'
import { type MachineClient, partnerGateway } from './partner-gateway.ts'
import type { PlatformLink } from './partner-layout.tsx'
import { membershipDesk } from './partner-membership.ts'
import { type PlatformNeeds, platformRoutes } from './partner-routes.ts'
import { offerOf } from './partner-texts.ts'
import { usageDesk } from './partner-usage.ts'

export interface PartnerPlatformOptions {
  /** The partner's id: the audience of its tokens. `youku`, `xiami`, `eleme` and `fliggy` have offers of their own. */
  readonly id: string
  readonly display: Display
  /** On `localhost`; 0 takes a free one. The platform's issuer contains it. */
  readonly port: number
  /** Issuer of the gateway. */
  readonly gateway: string
  /** The partner's machine client at the gateway. */
  readonly client: MachineClient
  /** How the gateway, as a client of the platform's OpenID provider, authenticates; with a secret unless given. */
  readonly linkAuthentication?: 'private_key_jwt' | undefined
  readonly accounts: Accounts
  /** The gateway's clock, by which tokens are verified and uses are dated. */
  readonly now: () => Instant
  readonly log: Log
  /** Names of benefits by id, beyond those of the demo's programme. */
  readonly benefits?: Readonly<Record<string, Bilingual>>
  /** Links at the foot of every page. */
  readonly links?: readonly PlatformLink[]
}

export interface PartnerPlatform {
  /** Address and OpenID issuer. */
  readonly url: string
  readonly provider: OpenidProvider
  /** Ends open connections too; may be called twice. */
  stop(): Promise<void>
}

/** What the gateway is called at a demo partner. */
const linkClientId = 'tessera'

/** The secret with which the gateway, as the client `tessera`, signs its members in at a demo partner. */
export const linkSecretOf = (partner: string): string => `tessera-${partner}-secret`

/**
 * A demo partner in one HTTP server: its OpenID provider, for linking and for its own sign-in, and its pages.
 * @throws Error that names the port when it is taken
 */
export async function startPartnerPlatform(options: PartnerPlatformOptions): Promise<PartnerPlatform> {
  const { id, port, gateway, accounts, display, log } = options
  let answer: ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | undefined
  const server = createServer({ requestTimeout: 15_000, headersTimeout: 10_000 }, (request, response) => {
    if (!answer) return void response.writeHead(503).end()
    answer(request, response).catch((error: unknown) => {
      log('error', 'platform-failed', { partner: id, ...errorFields(error) })
      response.destroy()
    })
  })
  // The issuer contains the port, which is known once the server listens.
  const url = `http://localhost:${await listen(server, port, id)}`
  const signingKey = newSigningKey()
  const provider = openidProvider({
    issuer: url,
    accounts,
    display,
    signingKey,
    clients: [
      {
        client_id: linkClientId,
        ...(options.linkAuthentication
          ? { token_endpoint_auth_method: options.linkAuthentication, jwks_uri: `${gateway}/.well-known/jwks.json` }
          : { client_secret: linkSecretOf(id) }),
        redirect_uris: [`${gateway}/link/${id}/callback`],
        client_name: 'Tessera',
      },
    ],
    report: error => log('error', 'platform-provider-failed', { partner: id, ...errorFields(error) }),
  })
  const desk = membershipDesk({
    gateway,
    partner: id,
    url,
    client: options.client,
    signingKey,
    audience: linkClientId,
    nowSeconds: () => epochSeconds(options.now()),
  })
  const pages = getRequestListener(platformRoutes({ ...platformNeeds(options, url, provider), desk }).fetch)
  answer = async (request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?', 1)
    await (provider.owns(path) ? provider.listener(request, response) : pages(request, response))
  }
  return { url, provider, stop: () => close(server) }
}

function platformNeeds(
  options: PartnerPlatformOptions,
  url: string,
  provider: OpenidProvider,
): Omit<PlatformNeeds, 'desk'> {
  const { id, display, gateway: issuer, client, now, log, benefits = {}, links = [] } = options
  const gateway = partnerGateway({ gateway: issuer, client })
  const trust = { issuer, audience: id, now: () => epochSeconds(now()) }
  const receipts = createSignatureVerifier({ ...trust, typ: USAGE_RECEIPT_TYP })
  return {
    url,
    issuer,
    provider,
    gateway,
    log,
    // A second instead of the list's ttl: who tries the demo wants to see a suspension lock the page at once.
    verifier: createVerifier({ ...trust, checkStatus: true, limits: { statusMaxAgeSeconds: 1 } }),
    claims: createGatewayPassClaims({ issuer, token: refused => gateway.accessToken(refused) }),
    usage: usageDesk({ partner: id, gateway, receipts, now, price: offerOf(id).price }),
    frame: {
      partner: id,
      display,
      benefits,
      links,
      paths: {
        signIn: provider.signInPath('/'),
        signOut: provider.signOutPath,
        portal: `${issuer}/`,
        link: `${issuer}/link/${encodeURIComponent(id)}`,
      },
    },
  }
}

function listen(server: Server, port: number, partner: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE'
      const advice = taken ? `port ${port} is taken; stop what uses it` : error.message
      reject(new Error(`the demo partner ${partner} cannot listen: ${advice}`, { cause: error }))
    })
    server.listen(port, 'localhost', () => resolve((server.address() as AddressInfo).port))
  })
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
