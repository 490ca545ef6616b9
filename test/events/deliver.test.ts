import { describe, expect, it } from 'vitest'
import { connect, type Services } from '../../functions/connect.ts'
import { consumeChanges, fireTimers } from '../../functions/consume.ts'
import { attempted, isExhausted } from '../../functions/events/attempts.ts'
import { breakLink } from '../../functions/links/break-link.ts'
import { findLinkRecord } from '../../functions/links/records.ts'
import type { OutgoingEvent } from '../../schemas/event.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { outgoingEvents } from './outgoing.ts'
import { receiver } from './receiver.ts'
import { type EventsWorld, eventsWorld, serve, startSeconds } from './world.ts'

const isEvent = (record: object) => JSON.stringify(record).includes('"itemKind":{"S":"outgoing-event"}')

async function deliveryWorld(options?: { loopback?: boolean }) {
  const world = await eventsWorld(options)
  const partner = await receiver(world.issuer)
  await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: partner.endpoint })
  const member = await world.sold('lin')
  const link = await world.link(member, 'account-1')
  await world.changes()
  return {
    ...world,
    partner,
    member,
    linked: link,
    follow: async (to: Services = world.services) => consumeChanges(to, { Records: await world.changes() }),
    waiting: () => outgoingEvents(world.table, 'youku'),
    logged: (event: string) => world.lines.filter(line => line.includes(`"${event}"`)),
  }
}
/** Another process of the same gateway. */
const twin = ({ services }: EventsWorld, over: Partial<Services> = {}): Services => ({
  ...connect(services.config, services),
  ...over,
})

describe('what a partner is told', () => {
  it('verifies with the kit: who ended which link of which account, and why', async () => {
    const world = await deliveryWorld()
    world.pass(60)
    await world.unlink(world.member)
    await world.follow()
    const { partner, linked, issuer } = world
    expect(partner.calls.map(({ type }) => type)).toEqual(['application/secevent+jwt'])
    expect(partner.events).toEqual([
      {
        tokenId: expect.stringMatching(/^evt_/),
        issuedAt: startSeconds + 60,
        subjectId: { format: 'iss_sub', iss: issuer, sub: linked.subject },
        events: {
          'urn:tessera:event:link-ended': {
            link: linked.id,
            programme: '88vip',
            account: 'account-1',
            state: 'ended',
            reason: 'member',
          },
        },
      },
    ])
    expect(await world.waiting()).toEqual([])
    expect(world.lines.join('\n')).not.toContain('account-1')
  })

  it('is what the partner told itself too: its link is broken here', async () => {
    const world = await deliveryWorld()
    await breakLink(world.services, { partner: 'youku', account: 'account-1', reason: 'consent-revoked' })
    await world.follow()
    expect(world.partner.events.flatMap(({ events }) => Object.values(events))).toMatchObject([
      { state: 'broken', reason: 'consent-revoked' },
    ])
  })

  it('is nothing where it has named no endpoint, and not kept for later', async () => {
    const world = await deliveryWorld()
    await world.register('youku', { issuer: world.youku.issuer })
    await world.unlink(world.member)
    expect(await world.waiting()).toHaveLength(1)
    await world.follow()
    expect([await world.waiting(), world.partner.calls]).toEqual([[], []])
  })

  it('is signed with a key for events only', async () => {
    const world = await deliveryWorld()
    await world.unlink(world.member)
    await world.follow()
    const [{ token } = { token: '' }] = world.partner.calls
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }
    expect((await world.services.keys.publicKeysFor('event')).map(key => key.kid)).toContain(kid)
  })
})

describe('each event is sent once where nothing goes wrong', () => {
  it('though the stream hands it over twice, and to two consumers at once, and timers fire', async () => {
    const world = await deliveryWorld()
    await world.unlink(world.member)
    const Records = await world.changes()
    expect(Records.filter(isEvent)).toHaveLength(1)
    await Promise.all([
      consumeChanges(world.services, { Records: [...Records, ...Records] }),
      consumeChanges(twin(world), { Records }),
      fireTimers(twin(world)),
    ])
    await consumeChanges(world.services, { Records })
    await fireTimers(world.services)
    expect(world.partner.calls).toHaveLength(1)
    expect(await world.waiting()).toEqual([])
  })

  it('and by the timers alone where the stream is late', async () => {
    const world = await deliveryWorld()
    await world.unlink(world.member)
    await fireTimers(world.services)
    expect(world.partner.events).toHaveLength(1)
    await world.follow()
    expect(world.partner.calls).toHaveLength(1)
  })

  it('however far the business clock is ahead of real time', async () => {
    const world = await deliveryWorld()
    world.pass(30 * 86_400, ['business'])
    await world.unlink(world.member)
    await world.follow()
    expect(world.partner.events).toMatchObject([{ issuedAt: startSeconds + 30 * 86_400 }])
  })
})

describe('an event that is not taken', () => {
  it('comes again a minute later, and is the same event', async () => {
    const world = await deliveryWorld()
    const { partner } = world
    partner.status = 503
    await world.unlink(world.member)
    await world.follow()
    expect(await world.waiting()).toMatchObject([{ attempts: 1 }])
    partner.status = undefined
    world.pass(59, ['wall'])
    await fireTimers(world.services)
    expect(partner.calls).toHaveLength(1)
    world.pass(1, ['wall'])
    await fireTimers(world.services)
    expect(partner.calls).toHaveLength(2)
    const jtis = partner.calls.map(({ token }) => Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(jtis[1]).toBe(jtis[0])
    expect([partner.events.length, await world.waiting()]).toEqual([1, []])
  })

  it('comes again after a worker died on the way, before it was sent or after', async () => {
    const world = await deliveryWorld()
    const { keys, table } = world.services
    const dies = async (): Promise<never> => {
      throw new Error('the process is gone')
    }
    await world.unlink(world.member)
    const before = twin(world, { keys: { ...keys, sign: dies } })
    await world.follow(before)
    expect([world.partner.calls.length, (await world.waiting()).length]).toEqual([0, 1])
    const [event] = await world.waiting()
    expect(event).toMatchObject({ attempts: 0 })
    expect(world.logged('event-not-attended')).toEqual([
      expect.stringContaining(`"partner":"youku","eventId":"${event?.id}","error":"Error"`),
    ])

    let writes = 0
    const after = twin(world, {
      table: {
        ...table,
        write: async write => {
          writes += 1
          return writes === 2 ? dies() : table.write(write)
        },
      },
    })
    world.pass(60, ['wall'])
    await expect(fireTimers(after)).rejects.toThrow()
    expect([world.partner.events.length, (await world.waiting()).length]).toEqual([1, 1])
    world.pass(120, ['wall'])
    await fireTimers(world.services)
    expect([world.partner.refused, world.partner.events.length]).toEqual([['event-replayed'], 1])
    expect(await world.waiting()).toEqual([])
  })

  it('does not keep others waiting: not where it is refused, not where the partner is down', async () => {
    const world = await deliveryWorld()
    const { partner } = world
    const members = await Promise.all(['a', 'b', 'c'].map(subject => world.sold(subject)))
    for (const [n, member] of members.entries()) await world.link(member, `account-of-${n}`)
    partner.status = 400
    for (const member of members.slice(0, 2)) {
      await world.unlink(member)
      await world.follow()
    }
    expect(partner.calls).toHaveLength(2)
    partner.status = 500
    await world.unlink(world.member)
    await world.follow()
    expect(partner.calls).toHaveLength(3)
    // It is known to be down: the next one is put off without a call, which might take its 5 s.
    for (const member of members.slice(2)) await world.unlink(member)
    await world.follow()
    expect(partner.calls).toHaveLength(3)
    partner.status = undefined
    world.pass(60, ['wall'])
    await fireTimers(world.services)
    expect([partner.events.length, await world.waiting()]).toEqual([4, []])
  })

  it.each([301, 307])('because the endpoint redirects (%i) is not followed', async status => {
    const world = await deliveryWorld()
    world.partner.status = status
    await world.unlink(world.member)
    await world.follow()
    expect([world.partner.calls.length, (await world.waiting()).length]).toEqual([1, 1])
  })

  it('is given up after a day, kept for a while, and named in the log without the account', async () => {
    const world = await deliveryWorld()
    world.partner.status = 500
    await world.unlink(world.member)
    await world.follow()
    let next = (await world.waiting())[0]
    for (let tries = 1; next && !next.failedAt && tries < 40; tries += 1) {
      world.pass((Date.parse(next.nextAttemptAt ?? '') - Date.parse(world.services.wallNow())) / 1000, ['wall'])
      await fireTimers(world.services)
      next = (await world.waiting())[0]
    }
    expect(next).toMatchObject({ attempts: 13, failedAt: '2026-10-02T02:31:00Z', account: 'account-1' })
    expect(world.logged('event-undeliverable')).toEqual([expect.stringContaining(`"eventId":"${next?.id}"`)])
    expect(world.lines.join('\n')).not.toMatch(/account-1|sub_/)
    world.partner.status = undefined
    world.pass(7 * 86_400, ['wall'])
    await fireTimers(world.services)
    expect([world.partner.calls.length, (await world.waiting()).length]).toEqual([13, 1])
  })
})

describe('addresses of partners', () => {
  it('on this machine or in private networks are not called', async () => {
    const world = await deliveryWorld({ loopback: false })
    await world.unlink(world.member)
    await world.follow()
    expect([world.partner.calls.length, (await world.waiting()).length]).toEqual([0, 1])
    for (const eventsEndpoint of ['https://127.0.0.1/', 'https://10.0.0.1/events', 'https://169.254.169.254/latest']) {
      await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint })
      world.pass(6 * 3600, ['wall'])
      await fireTimers(world.services)
    }
    expect(await world.waiting()).toMatchObject([{ attempts: 4 }])
  })

  it('that answer without end are left after 64 KB', async () => {
    const world = await deliveryWorld()
    const endless = await serve((_request, response) => {
      response.writeHead(202)
      response.end('x'.repeat(65 * 1024))
    })
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: endless })
    await world.unlink(world.member)
    await world.follow()
    expect(await world.waiting()).toHaveLength(1)
  })
})

it('bits of the status list come first and whatever the partner does', async () => {
  const world = await deliveryWorld()
  world.partner.status = 500
  await world.unlink(world.member)
  await world.follow()
  const link = await findLinkRecord(world.table, world.linked.id)
  expect(link).toMatchObject({ state: 'ended', status: world.linked.status })
  const again = await world.changes()
  expect(JSON.stringify(again)).toContain(`STATUS#youku#${link?.status?.list}`)
})

describe('attempts', () => {
  it('come after pauses from a minute to six hours, the last one a day or more after the first', () => {
    const start = '2026-10-01T00:00:00Z' as Instant
    let event = { attempts: 0 } as OutgoingEvent
    const pauses: number[] = []
    for (let at = start; ; at = event.nextAttemptAt ?? start) {
      event = attempted(event, at)
      if (isExhausted(event, 'down', at)) break
      pauses.push((Date.parse(event.nextAttemptAt ?? '') - Date.parse(at)) / 60_000)
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360])
    expect(event.firstAttemptAt).toBe(start)
  })
})
