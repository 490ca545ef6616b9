import { beforeEach, describe, expect, it } from 'vitest'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { loadKeys } from '../../functions/tokens/key-creation.ts'
import { stateOf } from '../../functions/tokens/key-lifecycle.ts'
import { rotateKey } from '../../functions/tokens/key-rotation.ts'
import { createFirstKeys } from '../../functions/tokens/key-store.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { KeyRecord, KeyRotationAnswer } from '../../schemas/key.ts'
import { problemOf } from '../support/answers.ts'
import { bodyOf, gatewayWorld } from '../support/gateway.ts'
import { freshTable } from '../support/table.ts'
import { at, keysOf } from './key-world.ts'
import { expiryOf, kidOf, type RotationWorld, rotationWorld } from './rotation-world.ts'

const states = ({ keys }: KeyRotationAnswer) => keys.map(({ state }) => state)
const stateNames = ({ services }: RotationWorld, keys: KeyRecord[]) =>
  keys.map(key => stateOf(key, keys, services.now()))

/** Instances on one table, each with a clock that stands still. */
async function ringWorld() {
  const { table } = await freshTable()
  const vault = developmentVault()
  const needs = (seconds: number) => {
    const now = () => at(seconds)
    const common = { table, vault, now, wallNow: now, random: systemRandom, log: silentLog }
    return { ...common, keys: keyRing(common) }
  }
  return { table, needs }
}

describe('an emergency that names no key', () => {
  it('lets the next key sign at once, and partners refuse what the withdrawn one signed once their cache is over', async () => {
    const world = await rotationWorld()
    const [one, two] = world.instances
    const kit = world.kit(two)
    const old = await world.mint(one)
    await world.mint(two)
    await kit.verify(old)
    const answer = await world.rotate(one, 'entitlement', { emergency: true, reason: 'key seen in a paste' })
    const [withdrawn, current, next] = answer.keys
    expect(states(answer)).toEqual(['retired', 'current', 'next'])
    expect(withdrawn).toMatchObject({ kid: kidOf(old), withdrawnAt: current?.activeFrom })
    expect(withdrawn?.publishedUntil).toBe(withdrawn?.withdrawnAt)
    expect(next?.activeFrom).toBeUndefined()
    const log = world.lines.filter(line => /key-(rotated|withdrawn)/.test(line)).map(line => JSON.parse(line) as object)
    expect(log).toMatchObject([
      { event: 'key-rotated', kid: current?.kid },
      { event: 'key-withdrawn', kid: withdrawn?.kid, by: 'alibaba' },
    ])
    expect(JSON.stringify(log)).not.toContain('paste')

    const fresh = await world.mint(one)
    expect(kidOf(fresh)).toBe(current?.kid)
    await kit.verify(fresh)
    expect((await world.jwks(one)).map(({ kid }) => kid)).not.toContain(withdrawn?.kid)
    // The other instance hears of it within a minute, and the kit keeps a key set for five at most.
    world.pass(60)
    expect(kidOf(await world.mint(two))).toBe(current?.kid)
    world.pass(300)
    expect(expiryOf(old)).toBeGreaterThan(world.seconds())
    await expect(kit.verify(old)).rejects.toMatchObject({ code: 'kid-unknown' })
    await kit.verify(fresh)
  })

  it('overtakes a rotation that is under way', async () => {
    const world = await rotationWorld()
    const [one] = world.instances
    const planned = await world.rotate(one, 'entitlement')
    const answer = await world.rotate(one, 'entitlement', { emergency: true })
    expect(states(answer)).toEqual(['retired', 'current', 'next'])
    expect(answer.keys.map(({ kid }) => kid)).toEqual(planned.keys.map(({ kid }) => kid))
    expect(kidOf(await world.mint(one))).toBe(planned.keys[1]?.kid)
  })

  it('asked for at two instances at once withdraws one key', async () => {
    const world = await rotationWorld()
    const [one, two] = world.instances
    const answers = await Promise.all(
      [one, two, one, two].map(instance => world.rotate(instance, 'event', { emergency: true })),
    )
    for (const { keys } of answers) {
      expect(keys.filter(({ withdrawnAt }) => withdrawnAt).map(({ sequence }) => sequence)).toEqual([1])
      expect(keys).toHaveLength(3)
    }
  })

  it('of the access key ends every access token, and clients get new ones', async () => {
    const world = await gatewayWorld()
    const old = await world.tokenOf('youku')
    const ask = (token: string) =>
      world.request({ method: 'GET', path: '/v1/links?account=x', headers: { authorization: `Bearer ${token}` } })
    expect((await ask(old)).status).toBe(200)
    const rotated = await bodyOf<KeyRotationAnswer>(
      await world.call('alibaba', 'POST', '/v1/keys/access/rotate', { emergency: true }),
    )
    expect(rotated.keys[0]).toMatchObject({ kid: kidOf(old), state: 'retired' })
    await problemOf(await ask(old), 401, 'unauthenticated')
    await problemOf(await world.call('alibaba', 'GET', '/v1/partners/youku'), 401, 'unauthenticated')
    const fresh = await world.tokenOf('youku', ['entitlements:read'])
    expect(kidOf(fresh)).toBe(rotated.keys[1]?.kid)
    expect((await ask(fresh)).status).toBe(200)
  })

  it('also withdraws the leaked key that a planned rotation has just retired', async () => {
    const world = await rotationWorld()
    const [one, two] = world.instances
    const kit = world.kit(two)
    world.pass(3600)
    const forged = await world.mint(one)
    const planned = await world.rotate(one, 'entitlement')
    expect(states(planned)).toEqual(['retired', 'current', 'next'])
    expect(planned.keys[0]?.kid).toBe(kidOf(forged))
    world.pass(5)
    await kit.verify(forged)
    const answer = await world.rotate(two, 'entitlement', { emergency: true })
    expect(states(answer)).toEqual(['retired', 'retired', 'current', 'next'])
    expect(answer.keys.map(({ withdrawnAt }) => withdrawnAt !== undefined)).toEqual([true, true, false, false])
    const published = (await world.jwks(two)).filter(({ purpose }) => purpose === 'entitlement')
    expect(published.map(({ kid }) => kid)).toEqual(answer.keys.slice(2).map(({ kid }) => kid))
    expect(await world.rotate(two, 'entitlement', { emergency: true })).toEqual(answer)
    world.pass(301)
    expect(expiryOf(forged)).toBeGreaterThan(world.seconds())
    await expect(kit.verify(forged)).rejects.toMatchObject({ code: 'kid-unknown' })
    await kit.verify(await world.mint(one))
  })

  it('withdraws the key it was about, whichever of it and a planned rotation comes first', async () => {
    const world = await rotationWorld()
    const [one, two] = world.instances
    for (const purpose of ['event', 'entitlement', 'statement'] as const) {
      world.pass(3600)
      const [before] = (await one.services.keys.held())[purpose]
      await Promise.all([world.rotate(one, purpose), world.rotate(two, purpose, { emergency: true })])
      const { [purpose]: keys } = await loadKeys(world.services)
      expect(keys.find(({ kid }) => kid === before?.kid)).toHaveProperty('withdrawnAt')
      expect(stateNames(world, keys).filter(state => state === 'current')).toHaveLength(1)
    }
  })

  it('withdraws more keys than one transaction may', async () => {
    const { needs, table } = await ringWorld()
    const many = keysOf([...Array.from({ length: 90 }, (_, index) => ({ active: 700 * index })), {}], 'event')
    await createFirstKeys(table, many)
    const { keys } = await rotateKey(needs(90 * 700), { purpose: 'event', by: 'test', emergency: true })
    expect(keys.filter(({ withdrawnAt }) => withdrawnAt)).toHaveLength(90)
    expect(keys.slice(90).map(({ kid, state }) => [kid === 'k91', state])).toEqual([
      [true, 'current'],
      [false, 'next'],
    ])
  })
})

describe('an emergency that names a key', () => {
  let world: RotationWorld
  let kids: string[]
  /** A retired, a current and a next key. */
  beforeEach(async () => {
    world = await rotationWorld()
    world.pass(3600)
    kids = (await world.rotate(world.instances[0], 'entitlement')).keys.map(({ kid }) => kid)
    world.pass(5)
  })
  const withdraw = (kid = '') => world.rotate(world.instances[1], 'entitlement', { emergency: true, kid })
  const published = async () =>
    (await world.jwks(world.instances[1])).filter(({ purpose }) => purpose === 'entitlement').map(({ kid }) => kid)

  it('withdraws a retired one, and tokens of the current one stay good', async () => {
    const token = await world.mint(world.instances[0])
    const answer = await withdraw(kids[0])
    expect(states(answer)).toEqual(['retired', 'current', 'next'])
    expect(answer.keys.map(({ withdrawnAt }) => withdrawnAt !== undefined)).toEqual([true, false, false])
    expect(await published()).toEqual(kids.slice(1))
    await world.kit(world.instances[1]).verify(token)
    expect(await withdraw(kids[0])).toEqual(answer)
  })

  it('withdraws the current one and no other', async () => {
    const answer = await withdraw(kids[1])
    expect(states(answer)).toEqual(['retired', 'retired', 'current', 'next'])
    expect(await published()).toEqual([kids[2], answer.keys[3]?.kid, kids[0]])
    expect(await withdraw(kids[1])).toEqual(answer)
  })

  it('withdraws the next one and makes another, which takes over when its time comes', async () => {
    const answer = await withdraw(kids[2])
    expect(states(answer)).toEqual(['retired', 'current', 'retired', 'next'])
    const fresh = answer.keys[3]?.kid
    expect(await published()).toEqual([kids[1], fresh, kids[0]])
    expect(await withdraw(kids[2])).toEqual(answer)
    world.pass(3600)
    expect(states(await world.rotate(world.instances[0], 'entitlement'))).toEqual([
      'retired',
      'retired',
      'retired',
      'current',
      'next',
    ])
    expect(kidOf(await world.mint(world.instances[0]))).toBe(fresh)
  })

  it('is refused for a key that the purpose has not', async () => {
    const { event } = await world.instances[0].services.keys.held()
    const ask = (kid: string | undefined) =>
      world.call('alibaba', 'POST', '/v1/keys/entitlement/rotate', { emergency: true, kid })
    for (const kid of ['unknown', event[0]?.kid]) await problemOf(await ask(kid), 404, 'key-not-found')
    const { entitlement } = await loadKeys(world.services)
    expect(entitlement.some(({ withdrawnAt }) => withdrawnAt)).toBe(false)
  })

  it('asked for at two instances at once withdraws each key once', async () => {
    const [one, two] = world.instances
    const asked = [one, two, one, two].flatMap(instance =>
      kids.map(kid => world.rotate(instance, 'entitlement', { emergency: true, kid })),
    )
    await Promise.all(asked)
    const { entitlement } = await loadKeys(world.services)
    const withdrawn = entitlement.filter(({ withdrawnAt }) => withdrawnAt).map(({ kid }) => kid)
    expect(withdrawn).toEqual(kids)
    expect(stateNames(world, entitlement).slice(3)).toEqual(['current', 'next'])
    expect(world.lines.filter(line => line.includes('key-withdrawn'))).toHaveLength(3)
  })
})

describe('instances whose clocks differ', () => {
  it('that withdraw the current and the next key at once leave one that signs', async () => {
    const { needs, table } = await ringWorld()
    const early = needs(0)
    const [k1, k2] = (await rotateKey(early, { purpose: 'event', by: 'test' })).keys.map(({ kid }) => kid)
    // For one k2 has taken over and k1 is retired; for the other k1 signs and k2 is the next.
    const [ahead, behind] = [needs(601), needs(599)]
    let isFirst = true
    const commit: Table['commit'] = async writes => {
      if (isFirst) {
        isFirst = false
        await rotateKey(behind, { purpose: 'event', by: 'test', emergency: true, kid: k2 })
      }
      await table.commit(writes)
    }
    const late = { ...ahead, table: { ...table, commit } }
    const { keys } = await rotateKey(late, { purpose: 'event', by: 'test', emergency: true, kid: k1 })
    expect(keys.map(({ state }) => state)).toEqual(['retired', 'retired', 'current', 'next'])
    expect(keys.map(({ withdrawnAt }) => withdrawnAt !== undefined)).toEqual([true, true, false, false])
    for (const seconds of [599, 601]) expect(kidOf(await needs(seconds).keys.sign('event', 'x', {}))).toBe(keys[2]?.kid)
  })
})
