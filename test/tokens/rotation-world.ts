import { connect, type Services } from '../../functions/connect.ts'
import { fireTimers } from '../../functions/consume.ts'
import { wholeGateway } from '../../functions/gateway-whole.ts'
import { epochSeconds, plusSeconds } from '../../functions/kernel/clock.ts'
import type { App } from '../../functions/kernel/validate.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import type { KeyPurpose, KeyRotationAnswer, PublicJwk } from '../../schemas/key.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { EntitlementTokenAnswer } from '../../schemas/token.ts'
import { createVerifier } from '../../sdk/index.ts'
import { bodyOf, gatewayWorld, issuer, sale, seedTerms } from '../support/gateway.ts'

export type Instance = { services: Services; app: App }

/** Two instances of the gateway on one table, with a link at youku, and partner kits that ask either of them. */
export async function rotationWorld() {
  const world = await gatewayWorld()
  const { services, clock, call, request, tokenOf } = world
  await seedTerms(world)
  const sold = await bodyOf<MembershipView>(await call('alibaba', 'POST', '/v1/memberships', sale('lin')), 201)
  const link = await completeLink(services, {
    member: sold.member.id,
    programme: '88vip',
    partner: 'youku',
    account: 'l',
  })

  const { table, vault, log } = services
  const rival = connect(services.config, { table, vault, now: clock.now, log })
  const instances: [Instance, Instance] = [
    { services, app: world.app },
    { services: rival, app: wholeGateway(rival) },
  ]
  const pass = (seconds: number) => clock.moveTo(plusSeconds(clock.now(), seconds))
  const send = async (client: string, path: string, body: object, app: App) =>
    request(
      {
        method: 'POST',
        path,
        headers: { authorization: `Bearer ${await tokenOf(client)}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      },
      app,
    )

  return {
    ...world,
    instances,
    link,
    pass,
    seconds: () => epochSeconds(clock.now()),
    /** The timers fire at both instances at once. */
    fire: () => Promise.all(instances.map(instance => fireTimers(instance.services))),
    async mint({ app }: Instance): Promise<string> {
      const answer = await send('youku', '/v1/entitlement-tokens', { linkId: link.id }, app)
      return (await bodyOf<EntitlementTokenAnswer>(answer)).token
    },
    async rotate({ app }: Instance, purpose: KeyPurpose, body: object = {}): Promise<KeyRotationAnswer> {
      return bodyOf<KeyRotationAnswer>(await send('alibaba', `/v1/keys/${purpose}/rotate`, body, app))
    },
    async jwks({ app }: Instance): Promise<PublicJwk[]> {
      const { keys } = await bodyOf<{ keys: PublicJwk[] }>(await app.request('/.well-known/jwks.json'))
      return keys
    },
    /**
     * A partner's verifier, which keeps the key set for as long as it may, behind a cache that does so too: asking again
     * for a key that it does not know gets the same answer for five minutes.
     */
    kit({ app }: Instance) {
      let fetches = 0
      let cached: { at: number; body: string; headers: Headers } | undefined
      const now = () => epochSeconds(clock.now())
      const fetch = async (url: string): Promise<Response> => {
        if (!cached || now() - cached.at >= 300) {
          fetches += 1
          const answer = await app.request(url.slice(issuer.length))
          cached = { at: now(), body: await answer.text(), headers: answer.headers }
        }
        const { at, body, headers } = cached
        return new Response(body, { headers: { ...Object.fromEntries(headers), age: String(now() - at) } })
      }
      const { verify } = createVerifier({ issuer, audience: 'youku', now, fetch })
      return { verify, fetches: () => fetches }
    },
  }
}

export type RotationWorld = Awaited<ReturnType<typeof rotationWorld>>

const partOf = (token: string, index: number): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString()) as Record<string, unknown>
export const kidOf = (token: string) => String(partOf(token, 0)['kid'])
export const expiryOf = (token: string) => Number(partOf(token, 1)['exp'])
