import { describe, expect, it } from 'vitest'
import {
  compromisedOf,
  decideRotation,
  decideWithdrawal,
  isDue,
  type Rotation,
} from '../../functions/tokens/key-decisions.ts'
import { currentOf, policies } from '../../functions/tokens/key-lifecycle.ts'
import { KeyPurpose, type KeyRecord } from '../../schemas/key.ts'
import { at, day, keysOf } from './key-world.ts'

const outcome = (rotation: Rotation | undefined) =>
  rotation && {
    ...Object.fromEntries(
      rotation.changes.map(({ after }) => [
        after.kid,
        after.withdrawnAt ? ['withdrawn', after.withdrawnAt] : ['active', after.activeFrom],
      ]),
    ),
    next: rotation.nextSequence,
  }

describe('a rotation', () => {
  const decide = (keys: KeyRecord[], seconds: number, replaces = currentOf(keys, at(seconds))?.kid) =>
    decideRotation(keys, { now: at(seconds), replaces })

  it('waits until the next key has been published for longer than caches live', () => {
    const keys = keysOf([{ active: 0 }, { published: 0 }])
    expect(outcome(decide(keys, 10))).toEqual({ k2: ['active', at(600)], next: 3 })
    expect(outcome(decide(keys, 599))).toEqual({ k2: ['active', at(600)], next: 3 })
    expect(outcome(decide(keys, day))).toEqual({ k2: ['active', at(day)], next: 3 })
    for (const { publishSeconds } of Object.values(policies)) expect(publishSeconds).toBeGreaterThan(300 + 60)
  })

  it('changes nothing while one is under way, within a minute of the last, nor where a rival has done it', () => {
    const scheduled = keysOf([{ active: 0 }, { active: 600 }, { published: 10 }])
    expect(decide(scheduled, 599)).toBeUndefined()
    expect(decide(scheduled, 601, 'k1')).toBeUndefined()
    expect(decide(scheduled, 659)).toBeUndefined()
    expect(outcome(decide(scheduled, 660))).toEqual({ k3: ['active', at(660)], next: 4 })
  })

  it('passes over keys that were withdrawn before they were to sign', () => {
    const keys = keysOf([{ active: 0 }, { withdrawn: 700 }, { published: 700 }])
    expect(outcome(decide(keys, 800))).toEqual({ k3: ['active', at(1300)], next: 4 })
  })

  it('is due at the age of the purpose, once', () => {
    const keys = keysOf([{ active: 0 }, {}])
    expect([isDue('entitlement', keys, at(30 * day - 1)), isDue('entitlement', keys, at(30 * day))]).toEqual([
      false,
      true,
    ])
    const statements = keysOf([{ active: 0 }, {}], 'statement')
    expect([364, 365].map(days => isDue('statement', statements, at(days * day)))).toEqual([false, true])
    const underWay = keysOf([{ active: 0 }, { active: 31 * day }, {}])
    expect(isDue('entitlement', underWay, at(30 * day + 1))).toBe(false)
    expect(isDue('entitlement', [], at(0))).toBe(false)
  })
})

describe('an emergency that names no key', () => {
  const decide = (keys: KeyRecord[], seconds: number) =>
    decideWithdrawal(keys, compromisedOf(keys, at(seconds)), { now: at(seconds) })

  it('withdraws the current key, and lets the next one sign at once', () => {
    const fresh = keysOf([{ active: 0 }, { published: 9 }])
    expect(outcome(decide(fresh, 10))).toEqual({ k1: ['withdrawn', at(10)], k2: ['active', at(10)], next: 3 })
    const scheduled = keysOf([{ active: 0 }, { active: 600 }, { published: 10 }])
    expect(outcome(decide(scheduled, 20))).toEqual({
      k1: ['withdrawn', at(20)],
      k2: ['active', at(20)],
      next: undefined,
    })
  })

  it.each(['entitlement', 'status-list', 'event', 'access'] as const)(
    'also withdraws the %s key that was retired a moment ago: the leaked one may be that',
    purpose => {
      const keys = keysOf([{ active: 0 }, { active: 5000 }, { published: 5000 }], purpose)
      expect(outcome(decide(keys, 5005))).toEqual({
        k1: ['withdrawn', at(5005)],
        k2: ['withdrawn', at(5005)],
        k3: ['active', at(5005)],
        next: 4,
      })
    },
  )

  it('leaves alone what nobody trusts any more, and the retired keys that vouch for statements', () => {
    const gone = keysOf([{ active: 0 }, { active: 5000 }, { active: 20_000 }, {}])
    expect(outcome(decide(gone, 20_005))).toEqual({
      k2: ['withdrawn', at(20_005)],
      k3: ['withdrawn', at(20_005)],
      k4: ['active', at(20_005)],
      next: 5,
    })
    const statements = keysOf([{ active: 0 }, { active: 5000 }, {}], 'statement')
    expect(outcome(decide(statements, 5005))).toEqual({
      k2: ['withdrawn', at(5005)],
      k3: ['active', at(5005)],
      next: 4,
    })
  })

  it('asked for again within a minute changes nothing, after that withdraws once more', () => {
    const done = keysOf([{ active: 0, withdrawn: 5000 }, { active: 5000 }, { published: 5000 }])
    expect(decide(done, 5059)).toBeUndefined()
    expect(outcome(decide(done, 5060))).toMatchObject({ k2: ['withdrawn', at(5060)] })
  })

  it('is not taken for a repetition of one that withdrew another key by name', () => {
    const keys = keysOf([{ active: 0, withdrawn: 5005 }, { active: 5000 }, { published: 5000 }])
    expect(outcome(decide(keys, 5010))).toMatchObject({ k2: ['withdrawn', at(5010)], k3: ['active', at(5010)] })
    // The emergency that made k3 current had named k2 alone.
    const named = keysOf([{ active: 0 }, { active: 5000, withdrawn: 5005 }, { active: 5005 }, {}])
    expect(outcome(decide(named, 5010))).toEqual({ k1: ['withdrawn', at(5010)], next: undefined })
  })
})

describe('an emergency that names a key', () => {
  const decide = (keys: KeyRecord[], kid: string, seconds: number) =>
    decideWithdrawal(keys, [kid], { now: at(seconds), reason: 'incident' })
  const rotated = keysOf([{ active: 0 }, { active: 5000 }, { published: 5000 }])

  it('withdraws a retired one and touches no other, by the key that signs on', () => {
    const decision = decide(rotated, 'k1', 5005)
    expect(outcome(decision)).toEqual({ k1: ['withdrawn', at(5005)], next: undefined })
    expect(decision?.signsOn?.kid).toBe('k2')
    expect(decision?.changes[0]?.after).toMatchObject({ activeFrom: at(0), reason: 'incident' })
  })

  it('withdraws the current one, and the next one takes over', () => {
    const decision = decide(rotated, 'k2', 5005)
    expect(outcome(decision)).toEqual({ k2: ['withdrawn', at(5005)], k3: ['active', at(5005)], next: 4 })
    expect(decision?.signsOn).toBeUndefined()
    expect(decision?.changes.map(({ after }) => [after.kid, after.reason])).toEqual([
      ['k3', 'incident'],
      ['k2', undefined],
    ])
  })

  it('withdraws the next one, which gets a successor', () => {
    expect(outcome(decide(rotated, 'k3', 5005))).toEqual({ k3: ['withdrawn', at(5005)], next: 4 })
  })

  it('withdraws one whose turn was set, and calls the rotation off', () => {
    const scheduled = keysOf([{ active: 0 }, { active: 600 }, { published: 10 }])
    const decision = decide(scheduled, 'k2', 500)
    expect(outcome(decision)).toEqual({ k2: ['withdrawn', at(500)], next: undefined })
    expect(decision?.changes[0]?.after).not.toHaveProperty('activeFrom')
    const after = scheduled.with(1, decision?.changes[0]?.after as KeyRecord)
    expect([500, 9000].map(seconds => currentOf(after, at(seconds))?.kid)).toEqual(['k1', 'k1'])
    // It is asked for again, by itself too.
    expect(isDue('entitlement', after, at(30 * day))).toBe(true)
  })

  it('changes nothing where it is withdrawn already, or no longer published', () => {
    const done = keysOf([{ active: 0, withdrawn: 5001 }, { active: 5000 }, {}])
    expect(decide(done, 'k1', 5005)).toBeUndefined()
    expect(decide(rotated, 'k1', 20_000)).toBeUndefined()
    expect(decide(rotated, 'unknown', 5005)).toBeUndefined()
  })

  it('is about the key and not its state: a rival may have made it another', () => {
    const rivals = keysOf([{ active: 0 }, { active: 5000 }, { active: 5002 }, { published: 5002 }])
    expect(outcome(decide(rivals, 'k2', 5005))).toEqual({ k2: ['withdrawn', at(5005)], next: undefined })
    expect(outcome(decide(rivals, 'k3', 5005))).toEqual({
      k3: ['withdrawn', at(5005)],
      k4: ['active', at(5005)],
      next: 5,
    })
  })
})

it.each(KeyPurpose.options)('a withdrawal of very many %s keys starts with the one that signs', purpose => {
  const keys = keysOf([...Array.from({ length: 80 }, (_, index) => ({ active: index })), {}], purpose)
  const all = keys.slice(0, 80).map(({ kid }) => kid)
  const first = decideWithdrawal(keys, all, { now: at(100) })
  expect(first?.changes).toHaveLength(51)
  expect(first?.changes.slice(0, 2).map(({ after }) => after.kid)).toEqual(['k81', 'k80'])
})
