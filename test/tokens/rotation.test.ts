import { beforeEach, describe, expect, it } from 'vitest'
import { connect } from '../../functions/connect.ts'
import { fireTimers } from '../../functions/consume.ts'
import { instantOf } from '../../functions/kernel/clock.ts'
import { loadKeys } from '../../functions/tokens/key-creation.ts'
import { policies } from '../../functions/tokens/key-lifecycle.ts'
import type { Vault } from '../../functions/tokens/vault.ts'
import type { KeyRotationAnswer } from '../../schemas/key.ts'
import { problemOf } from '../support/answers.ts'
import { bodyOf, gatewayWorld } from '../support/gateway.ts'
import { expiryOf, kidOf, type RotationWorld, rotationWorld } from './rotation-world.ts'

const states = ({ keys }: KeyRotationAnswer) => keys.map(({ state }) => state)

describe('minting and verifying while keys rotate', () => {
  /** Every token that was minted, and how often it was verified. */
  type Minted = Map<string, number>

  /** Both instances mint, several at once; every token that lives is verified by every kit. */
  async function mintAndVerify(world: RotationWorld, kits: ReturnType<RotationWorld['kit']>[], minted: Minted) {
    const fresh = await Promise.all([...world.instances, ...world.instances].map(instance => world.mint(instance)))
    for (const token of fresh) minted.set(token, 0)
    // The clock flows on while this runs: what dies within two seconds has been verified often enough.
    const living = [...minted.keys()].filter(token => expiryOf(token) > world.seconds() + 2)
    for (const token of living)
      for (const kit of kits) {
        const { expiresAt } = await kit.verify(token)
        expect(expiresAt).toBe(expiryOf(token))
        minted.set(token, (minted.get(token) ?? 0) + 1)
      }
  }

  /** Steps shorter than the instances' hold around the change, then longer ones until the retired key is gone. */
  async function through(world: RotationWorld, kits: ReturnType<RotationWorld['kit']>[], minted: Minted) {
    for (const step of [...Array<number>(18).fill(30), ...Array<number>(9).fill(450)]) {
      world.pass(step)
      await world.fire()
      await mintAndVerify(world, kits, minted)
    }
  }

  it('loses not one valid token over five rotations by two instances', { timeout: 180_000 }, async () => {
    const world = await rotationWorld()
    const [one, two] = world.instances
    const minted: Minted = new Map()
    const kits = [world.kit(one), world.kit(two)]
    await mintAndVerify(world, kits, minted)
    // Half a cache's life apart, so that the kits never hold the same key set.
    world.pass(150)
    kits.push(world.kit(one))

    const { rotateSeconds } = policies.entitlement
    for (let scheduled = 0; scheduled < 3; scheduled++) {
      const current = (await one.services.keys.held()).entitlement.findLast(({ activeFrom }) => activeFrom)
      const due = Date.parse(current?.activeFrom ?? '') / 1000 + rotateSeconds
      world.pass(due - 240 - world.seconds())
      await through(world, kits, minted)
    }
    // On demand at both at once, and again a minute later: the second has to wait until its key is known everywhere.
    await Promise.all([world.rotate(one, 'entitlement'), world.rotate(two, 'entitlement')])
    world.pass(60)
    await world.rotate(two, 'entitlement')
    await through(world, kits, minted)

    const kids = [...minted.keys()].map(kidOf)
    const { entitlement } = await loadKeys(one.services)
    expect(new Set(kids)).toEqual(new Set(entitlement.filter(({ activeFrom }) => activeFrom).map(({ kid }) => kid)))
    expect(new Set(kids).size).toBe(6)
    expect(minted.size).toBeGreaterThan(400)
    const verified = [...minted.values()].filter(count => count > 0).length
    expect({ minted: minted.size, verified }).toEqual({ minted: kids.length, verified: kids.length })
    // Kits keep the key set as they may: by far not a fetch a token.
    for (const kit of kits) expect(kit.fetches()).toBeLessThan(minted.size / 4)
  })
})

describe('rotation by request', () => {
  let world: RotationWorld
  beforeEach(async () => {
    world = await rotationWorld()
  })

  it('by two instances at the same time, or once more after a lost answer, rotates once', async () => {
    world.pass(3600)
    const [one, two] = world.instances
    const answers = await Promise.all([one, two, one, two].map(instance => world.rotate(instance, 'status-list')))
    for (const answer of answers) expect(states(answer)).toEqual(['retired', 'current', 'next'])
    answers.push(await world.rotate(two, 'status-list'))
    expect(new Set(answers.map(({ keys }) => keys.map(({ kid }) => kid).join())).size).toBe(1)
  })

  it('changes nothing while one is under way, and takes effect by itself', async () => {
    const [one] = world.instances
    await world.mint(one)
    const first = await world.rotate(one, 'entitlement', { reason: 'yearly drill' })
    expect(states(first)).toEqual(['current', 'next', 'next'])
    const [before, after] = first.keys
    expect(after).toMatchObject({ sequence: 2, reason: 'yearly drill', activeFrom: before?.retiredAt })
    expect(Date.parse(after?.activeFrom ?? '') - Date.parse(after?.publishedAt ?? '')).toBe(600_000)
    expect(await world.rotate(one, 'entitlement')).toEqual(first)
    world.pass(600)
    expect(kidOf(await world.mint(one))).toBe(after?.kid)
  })

  it('publishes the next key long before its first use, the current ones first, and notes who asked', async () => {
    const [one] = world.instances
    world.pass(3600)
    const { keys } = await world.rotate(one, 'event')
    const published = await world.jwks(one)
    expect(published.slice(0, Object.keys(policies).length).map(({ purpose }) => purpose)).toEqual(
      Object.keys(policies),
    )
    const events = published.filter(({ purpose }) => purpose === 'event').map(({ kid }) => kid)
    expect(events).toEqual([keys[1]?.kid, keys[2]?.kid, keys[0]?.kid])
    const [line = ''] = world.lines.filter(text => text.includes('key-rotated'))
    expect(JSON.parse(line)).toMatchObject({ level: 'info', purpose: 'event', kid: keys[1]?.kid, by: 'alibaba' })
  })

  it('gives the key set an entity tag that changes with it', async () => {
    const [one] = world.instances
    world.pass(3600)
    const ask = (headers: Record<string, string> = {}) =>
      world.request({ method: 'GET', path: '/.well-known/jwks.json', headers })
    const first = await ask()
    const etag = first.headers.get('etag') ?? ''
    expect(first.headers.get('cache-control')).toBe('public, max-age=300')
    expect((await ask({ 'if-none-match': `W/${etag}` })).status).toBe(304)
    await world.rotate(one, 'statement')
    const changed = await ask({ 'if-none-match': etag })
    expect(changed.status).toBe(200)
    expect(changed.headers.get('etag')).not.toBe(etag)
  })

  it('refuses an unknown purpose, an unknown field, another body and a client without the scope', async () => {
    const { call } = world
    const path = '/v1/keys/entitlement/rotate'
    await problemOf(await call('alibaba', 'POST', '/v1/keys/everything/rotate'), 400, 'invalid-request')
    await problemOf(await call('alibaba', 'POST', path, { urgent: true }), 400, 'invalid-request')
    await problemOf(await call('alibaba', 'POST', path, { emergency: 'yes' }), 400, 'invalid-request')
    await problemOf(await call('alibaba', 'POST', path, { reason: 'x'.repeat(201) }), 400, 'invalid-request')
    const tooLong = { emergency: true, kid: 'x'.repeat(129) }
    for (const body of [{ kid: 'x' }, { emergency: false, kid: 'x' }, { emergency: true, kid: '' }, tooLong]) {
      const { errors } = await problemOf(await call('alibaba', 'POST', path, body), 400, 'invalid-request')
      expect(errors).toMatchObject([{ pointer: '/kid' }])
    }
    await problemOf(
      await call('alibaba', 'POST', path, 'emergency=true', { 'content-type': 'text/plain' }),
      415,
      'unsupported-media-type',
    )
    await problemOf(await call('youku', 'POST', path), 403, 'insufficient-scope')
    await problemOf(await call(undefined, 'POST', path), 401, 'unauthenticated')
    const { entitlement } = await loadKeys(world.services)
    expect(entitlement).toHaveLength(2)
  })

  it('under an idempotency key gives the first answer again', async () => {
    const ask = () =>
      world.call('alibaba', 'POST', '/v1/keys/event/rotate', { emergency: true }, { 'idempotency-key': 'once' })
    const [first, second] = [await bodyOf<KeyRotationAnswer>(await ask()), await bodyOf<KeyRotationAnswer>(await ask())]
    expect(second).toEqual(first)
    expect(states(first)).toEqual(['retired', 'current', 'next'])
  })
})

describe('rotation by schedule', () => {
  const ageOf = (purpose: keyof typeof policies) => policies[purpose].rotateSeconds

  it('replaces what has reached its age, statements after a year, and access and client keys by real time', async () => {
    const world = await rotationWorld()
    const counts = async () =>
      Object.entries(await loadKeys(world.services)).map(([purpose, keys]) => [purpose, keys.length])
    world.pass(ageOf('entitlement') - 100)
    await world.fire()
    expect(Object.fromEntries(await counts())).toMatchObject({ entitlement: 2, event: 2, 'status-list': 2 })
    world.pass(100)
    await world.fire()
    await world.fire()
    const rotated = { entitlement: 3, event: 3, 'status-list': 3, statement: 2, access: 2, client: 2 }
    expect(Object.fromEntries(await counts())).toEqual(rotated)
    world.pass(ageOf('statement') - ageOf('entitlement'))
    await world.fire()
    expect(Object.fromEntries(await counts())).toMatchObject({ statement: 3, access: 2, client: 2 })
    const by = world.lines
      .filter(line => line.includes('key-rotated'))
      .map(line => (JSON.parse(line) as { by: string }).by)
    expect(new Set(by)).toEqual(new Set(['schedule']))
  })

  it('of a purpose that fails keeps neither the others nor the memberships from their time', async () => {
    const world = await rotationWorld()
    const { services, clock, lines } = world
    await world.mint(world.instances[0])
    const { table, log } = services
    const generateKeyPair: Vault['generateKeyPair'] = async purpose => {
      if (purpose === 'entitlement') throw new Error('KMS has no time')
      return services.vault.generateKeyPair(purpose)
    }
    const vault = { ...services.vault, generateKeyPair }
    const failing = connect(services.config, { table, vault, now: clock.now, log })
    world.pass(policies.statement.rotateSeconds + 86_400)
    await expect(fireTimers(failing)).rejects.toThrow('some timers did not fire')
    const { entitlement, event, 'status-list': lists, statement } = await loadKeys(services)
    expect([entitlement, event, lists, statement].map(keys => keys.length)).toEqual([2, 3, 3, 3])
    const named = (event: string) =>
      lines.filter(line => line.includes(`"${event}"`)).map(line => JSON.parse(line) as object)
    expect(named('key-rotation-failed')).toMatchObject([{ level: 'error', purpose: 'entitlement', error: 'Error' }])
    expect(named('timers-fired')).toMatchObject([{ fired: 1 }])
    // The old key goes on signing, and the next run makes up for it.
    await world.fire()
    expect((await loadKeys(services)).entitlement).toHaveLength(3)
  })
})

describe('the access key', () => {
  it('rotates by real time: old tokens live on beside new ones', async () => {
    const world = await gatewayWorld()
    const { table, vault, now } = world.services
    // Keys that were published longer ago than caches live.
    await loadKeys({ table, vault, now, wallNow: () => instantOf(Date.now() - 700_000) })
    const old = await world.tokenOf('youku')
    const rotated = await bodyOf<KeyRotationAnswer>(await world.call('alibaba', 'POST', '/v1/keys/access/rotate'))
    expect(states(rotated)).toEqual(['retired', 'current', 'next'])
    const fresh = await world.tokenOf('youku', ['entitlements:read'])
    expect([kidOf(old), kidOf(fresh)]).toEqual([rotated.keys[0]?.kid, rotated.keys[1]?.kid])
    for (const token of [old, fresh]) {
      const headers = { authorization: `Bearer ${token}` }
      expect((await world.request({ method: 'GET', path: '/v1/links?account=x', headers })).status).toBe(200)
    }
  })
})
