import { createLocalJWKSet, decodeJwt, type JWK, jwtVerify } from 'jose'
import { expect, inject, onTestFinished } from 'vitest'
import type { Services } from '../../functions/connect.ts'
import { consumeChanges } from '../../functions/consume.ts'
import { choose } from '../../functions/entitlements/choose.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { findLinkRecord } from '../../functions/links/records.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { programme as demo } from '../../functions/local/demo.ts'
import { followStream, type StreamRecord } from '../../functions/local/stream.ts'
import { statusAt } from '../../functions/tokens/status-list.ts'
import type { MemberId } from '../../schemas/ids.ts'
import type { MembershipVerb, MembershipView } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type StatusIndex, StatusListClaims } from '../../schemas/status-list.ts'
import type { EntitlementTokenClaims } from '../../schemas/token.ts'
import { bodyOf, gatewayWorld, issuer, partnerDocument, sale } from '../support/gateway.ts'
import { decoded } from '../support/status-bits.ts'

const benefit = (id: string, partner: string, change: object = {}) => ({
  id,
  partner,
  kind: 'access',
  category: 'video',
  linkRequired: true,
  name: { en: id },
  ...change,
})
/** Two benefits to choose from, and one besides whose limit the tests change. */
export const programmeOf = (streams: number) => ({
  ...demo,
  plans: [{ id: 'annual', term: 'P1Y', price: { amountMinor: 88_800, currency: 'CNY' } }],
  choiceGroups: [{ id: 'video', choose: 1, changeEvery: 'P1D' }],
  benefits: [
    benefit('youku-vip', 'youku', { choiceGroup: 'video' }),
    benefit('youku-kids', 'youku', { choiceGroup: 'video' }),
    benefit('youku-news', 'youku', { limits: { streams } }),
    benefit('eleme-5off', 'eleme'),
  ],
})

export type StatusWorld = Awaited<ReturnType<typeof statusWorld>>

/**
 * The whole gateway and its table's real stream. The stream is only collected: the tests hand its records to the consumer
 * in the order and as often as they please.
 */
export async function statusWorld() {
  const world = await gatewayWorld({ stream: true })
  const { services, call, clock } = world
  for (const id of ['youku', 'eleme'])
    await bodyOf(await call('alibaba', 'PUT', `/v1/partners/${id}`, partnerDocument(id)))
  const apply = async (streams: number) =>
    bodyOf(await call('alibaba', 'PUT', `/v1/programmes/${demo.id}`, programmeOf(streams)))
  await apply(2)

  const records: StreamRecord[] = []
  const follower = followStream({
    endpoint: inject('dynamodbEndpoint'),
    tableName: services.config.TABLE_NAME,
    onRecords: event => void records.push(...event.Records),
  })
  onTestFinished(() => follower.stop())

  /** What has happened to links since the last time, oldest first. */
  async function changes(): Promise<StreamRecord[]> {
    await follower.idle()
    return records
      .splice(0)
      .filter(({ dynamodb: { OldImage, NewImage } }) =>
        JSON.stringify([OldImage, NewImage]).includes('"itemKind":{"S":"link"}'),
      )
  }
  const feed = (given: StreamRecord[], to: Services = services) => consumeChanges(to, { Records: given })
  const pass = (seconds: number) =>
    clock.moveTo(new Date(Date.parse(clock.now()) + seconds * 1000).toISOString() as Instant)

  /** The bit as the endpoint shows it once the hold of 5 s is over. */
  async function bit(index: StatusIndex | undefined, partner = 'youku'): Promise<number | undefined> {
    if (!index) throw new Error('there is no index')
    pass(6)
    const answer = await call(undefined, 'GET', `/status-lists/${partner}/${index.list}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/statuslist+jwt'])
    const keys = createLocalJWKSet({ keys: (await services.keys.publicKeysFor('status-list')) as JWK[] })
    const { payload } = await jwtVerify(await answer.text(), keys, {
      issuer,
      typ: 'statuslist+jwt',
      subject: `${issuer}/status-lists/${partner}/${index.list}`,
      currentDate: new Date(clock.now()),
    })
    return statusAt(decoded(StatusListClaims.parse(payload).status_list.lst, 65_536), index.index)
  }

  return {
    ...world,
    apply,
    changes,
    feed,
    pass,
    bit,
    /** Everything that happened is consumed once, in order. */
    follow: async () => feed(await changes()),
    sold: async (subject: string) =>
      bodyOf<MembershipView>(await call('alibaba', 'POST', '/v1/memberships', sale(subject)), 201),
    act: async (membership: string, verb: MembershipVerb) =>
      bodyOf<MembershipView>(await call('alibaba', 'POST', `/v1/memberships/${membership}/${verb}`, {})),
    link: (member: MemberId, account: string, partner = 'youku') =>
      completeLink(services, { member, programme: demo.id, partner, account }),
    unlink: (member: MemberId, partner = 'youku') =>
      unlink(services, { member, programme: demo.id, partner, reason: 'member' }),
    choose: (member: MemberId, name: string) =>
      choose(services, { member, programme: demo.id, group: 'video', benefits: [name] }),
    /** Where a token that is minted now says that its bit stands. */
    async statusOfToken(link: string) {
      const { token } = await bodyOf<{ token: string }>(
        await call('youku', 'POST', '/v1/entitlement-tokens', { linkId: link }),
      )
      return (decodeJwt(token)['status'] as EntitlementTokenClaims['status']).status_list
    },
    async record(id: string) {
      const found = await findLinkRecord(services.table, id)
      if (!found) throw new Error(`there is no link ${id}`)
      return found
    },
  }
}
