import { getRequestListener } from '@hono/node-server'
import { describe, expect, it } from 'vitest'
import { consumeChanges, fireTimers } from '../../functions/consume.ts'
import { restSecondsOf } from '../../functions/events/attempts.ts'
import { eventDelivery } from '../../functions/events/deliver-events.ts'
import { eventWrite } from '../../functions/events/store.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { endedAtOnce, outgoingEvents } from './outgoing.ts'
import { receiver } from './receiver.ts'
import { type EventsWorld, eventsWorld, serve } from './world.ts'

const patience = { seconds: 20, answerSeconds: 5 }
const logged = ({ lines }: EventsWorld, event: string) => lines.filter(line => line.includes(`"${event}"`))
const partnerOf = (token: unknown): string =>
  JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()).aud

describe('a partner that limits its rate', () => {
  it('takes every event in the end, however many are due at once', async () => {
    const world = await eventsWorld()
    const taken = new Set<string>()
    let allowed = 0
    const address = await serve(
      getRequestListener(async request => {
        const token = await request.text()
        if (allowed <= 0) return new Response(null, { status: 429 })
        allowed -= 1
        taken.add(token.split('.')[1] ?? '')
        return new Response(null, { status: 202 })
      }),
    )
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: address })
    await endedAtOnce(world.table, 'youku', 25)
    let minutes = 0
    for (; minutes < 26 * 60 && taken.size < 25; minutes += 1) {
      allowed = 1
      await fireTimers(world.services)
      world.pass(60, ['wall'])
    }
    expect([taken.size, minutes, await outgoingEvents(world.table, 'youku')]).toEqual([25, 25, []])
    expect(logged(world, 'event-undeliverable')).toEqual([])
  })

  it.each([429, 500, 503])('or is down (%i) costs only those events an attempt that were sent', async status => {
    const world = await eventsWorld()
    const partner = await receiver(world.issuer)
    partner.status = status
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: partner.endpoint })
    await endedAtOnce(world.table, 'youku', 40)
    await fireTimers(world.services)
    const waiting = await outgoingEvents(world.table, 'youku')
    const sent = waiting.filter(({ attempts }) => attempts > 0)
    expect([sent.length, waiting.length]).toEqual([partner.calls.length, 40])
    expect(sent.length).toBeLessThan(10)
    for (const { attempts, firstAttemptAt, nextAttemptAt } of waiting)
      if (attempts === 0) expect([firstAttemptAt, nextAttemptAt]).toEqual([undefined, '2026-10-01T00:00:30Z'])
  })

  it('is left alone for as long as it asks to be, an hour at most', async () => {
    const world = await eventsWorld()
    const partner = await receiver(world.issuer)
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: partner.endpoint })
    Object.assign(partner, { status: 503, retryAfter: '86400' })
    await endedAtOnce(world.table, 'youku', 8)
    await fireTimers(world.services)
    const calls = partner.calls.length
    for (const { nextAttemptAt } of await outgoingEvents(world.table, 'youku'))
      expect(nextAttemptAt).toBe('2026-10-01T01:00:00Z')
    Object.assign(partner, { status: undefined, retryAfter: undefined })
    world.pass(3599, ['wall'])
    await fireTimers(world.services)
    expect(partner.calls).toHaveLength(calls)
    world.pass(1, ['wall'])
    await fireTimers(world.services)
    expect([partner.events.length, await outgoingEvents(world.table, 'youku')]).toEqual([8, []])
  })

  it('is given up on after a week of nothing else, not after a day', async () => {
    const world = await eventsWorld()
    const partner = await receiver(world.issuer)
    partner.status = 429
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: partner.endpoint })
    await endedAtOnce(world.table, 'youku', 1)
    await fireTimers(world.services)
    world.pass(7 * 86_400 - 1, ['wall'])
    await fireTimers(world.services)
    expect(await outgoingEvents(world.table, 'youku')).toMatchObject([{ attempts: 2 }])
    expect(logged(world, 'event-undeliverable')).toEqual([])
    world.pass(60, ['wall'])
    await fireTimers(world.services)
    expect(await outgoingEvents(world.table, 'youku')).toMatchObject([{ attempts: 3, failedAt: expect.any(String) }])
    expect(logged(world, 'event-undeliverable')).toHaveLength(1)
  })

  it.each<[string | null, number]>([
    [null, 30],
    ['', 30],
    ['soon', 30],
    ['-5', 1],
    ['0', 1],
    ['17', 17],
    ['3601', 3600],
    ['9'.repeat(30), 3600],
    ['Thu, 01 Oct 2026 00:02:00 GMT', 120],
    ['Wed, 30 Sep 2026 00:00:00 GMT', 1],
    ['Fri, 02 Oct 2026 00:00:00 GMT', 3600],
  ])('says so by Retry-After: %s', (given, seconds) => {
    expect(restSecondsOf(given, '2026-10-01T00:00:00Z' as Instant)).toBe(seconds)
  })
})

describe('partners do not wait for each other', () => {
  it('not in the same run of the timers, though a slow one has more events than a page holds', async () => {
    const world = await eventsWorld()
    const delivered = Promise.withResolvers<void>()
    const sent = { youku: 0, eleme: 0 }
    const { deliverDue } = eventDelivery({
      ...world.services,
      fetch: async (_address, init) => {
        if (partnerOf(init?.body) === 'eleme') {
          sent.eleme += 1
          delivered.resolve()
          return new Response(null, { status: 202 })
        }
        sent.youku += 1
        // Answers no earlier than the other has its event.
        await delivered.promise
        return new Response(null, { status: 503 })
      },
    })
    for (const id of ['youku', 'eleme'] as const)
      await world.register(id, { issuer: world[id].issuer, eventsEndpoint: `https://${id}.example/` })
    await endedAtOnce(world.table, 'youku', 220)
    // Due a second later, so that it is the last one in line.
    await inLine(world, 'eleme')
    world.pass(1, ['wall'])
    await deliverDue(patience)
    expect(sent).toEqual({ youku: 5, eleme: 1 })
    expect(await outgoingEvents(world.table, 'eleme')).toEqual([])
    const waiting = await outgoingEvents(world.table, 'youku')
    const unsent = waiting.filter(({ attempts }) => attempts === 0)
    expect([waiting.length, unsent.length]).toEqual([220, 215])
    const due = Map.groupBy(unsent, ({ nextAttemptAt }) => nextAttemptAt)
    // What had a place in the queue was put off with the partner's rest, what had none by a minute.
    expect([...due.keys()].toSorted()).toEqual(['2026-10-01T00:00:31Z', '2026-10-01T00:01:01Z'])
  })

  it('nor for what goes wrong with one of their events, which is named in the log', async () => {
    const world = await eventsWorld()
    const partner = await receiver(world.issuer)
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: partner.endpoint })
    await endedAtOnce(world.table, 'youku', 12)
    const [poisoned] = await outgoingEvents(world.table, 'youku')
    const { keys } = world.services
    const services = {
      ...world.services,
      keys: {
        ...keys,
        sign: (...[purpose, type, claims]: Parameters<typeof keys.sign>) =>
          JSON.stringify(claims).includes(`"${poisoned?.id}"`)
            ? Promise.reject(new TypeError('account-0 is odd'))
            : keys.sign(purpose, type, claims),
      },
    }
    await expect(fireTimers(services)).rejects.toThrow('some timers did not fire')
    expect([partner.events.length, await outgoingEvents(world.table, 'youku')]).toEqual([11, [poisoned]])
    expect(logged(world, 'event-not-attended')).toEqual([
      expect.stringMatching(`"partner":"youku","eventId":"${poisoned?.id}","error":"TypeError","stack":\\[".+"\\]`),
    ])
    expect(world.lines.join('\n')).not.toContain('account-')
  })
})

/** Puts a partner's one event in line, due now. */
async function inLine({ table, services }: EventsWorld, partner: string): Promise<void> {
  await endedAtOnce(table, partner, 1)
  const [event] = await outgoingEvents(table, partner)
  if (!event) throw new Error('no event')
  await table.write(eventWrite({ ...event, nextAttemptAt: services.wallNow() }, event))
}

describe('the lane that status bits share with events', () => {
  it('is held by a slow partner for a second, and then no more while it rests', async () => {
    const world = await eventsWorld()
    let calls = 0
    // Takes the request and never answers.
    const silent = await serve(() => {
      calls += 1
    })
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: silent })
    const [one, other] = [await world.sold('one'), await world.sold('other')]
    await world.link(one, 'account-1')
    await world.link(other, 'account-2')
    await world.unlink(one)
    await consumeChanges(world.services, { Records: await world.changes() })
    await world.unlink(other)
    await consumeChanges(world.services, { Records: await world.changes() })
    expect(calls).toBe(1)
    const waiting = await outgoingEvents(world.table, 'youku')
    expect(waiting.map(({ attempts, nextAttemptAt }) => [attempts, nextAttemptAt]).toSorted()).toEqual([
      [0, '2026-10-01T00:00:30Z'],
      [1, '2026-10-01T00:01:00Z'],
    ])
  })

  it('leaves events to the timers where it is behind', async () => {
    const world = await eventsWorld()
    const partner = await receiver(world.issuer)
    await world.register('youku', { issuer: world.youku.issuer, eventsEndpoint: partner.endpoint })
    const member = await world.sold('lin')
    await world.link(member, 'account-1')
    await world.unlink(member)
    const Records = await world.changes()
    world.pass(11, ['wall'])
    await consumeChanges(world.services, { Records })
    expect([partner.calls.length, await outgoingEvents(world.table, 'youku')]).toMatchObject([0, [{ attempts: 0 }]])
    await fireTimers(world.services)
    expect([partner.events.length, await outgoingEvents(world.table, 'youku')]).toEqual([1, []])
  })
})
