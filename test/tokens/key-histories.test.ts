import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochMilliseconds } from '../../functions/kernel/clock.ts'
import { compromisedOf, decideRotation, decideWithdrawal, type Rotation } from '../../functions/tokens/key-decisions.ts'
import {
  currentOf,
  nextChangeOf,
  policies,
  publishedOf,
  stateOf,
  viewsOf,
} from '../../functions/tokens/key-lifecycle.ts'
import { KeyPurpose, type KeyRecord } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { instant } from '../memberships/world.ts'
import { at, keysOf, kids, statesAt } from './key-world.ts'

describe('whatever the history', () => {
  const emergency = fc.constantFrom('bare' as const, 'named' as const)
  const step = fc.record({
    seconds: fc.integer({ min: 0, max: 5000 }),
    what: fc.oneof(fc.constantFrom('nothing' as const, 'rotate' as const), emergency),
    /** Of the key that an emergency names: any that there is. */
    named: fc.nat(),
  })
  type Step = { seconds: number; what: 'nothing' | 'rotate' | 'bare' | 'named'; named: number }
  const history = fc.array(step, { maxLength: 30 })
  const purposes = fc.constantFrom(...KeyPurpose.options)

  function decisionOf(keys: KeyRecord[], now: Instant, { what, named }: Step): Rotation | undefined {
    if (what === 'nothing') return undefined
    if (what === 'rotate') return decideRotation(keys, { now, replaces: currentOf(keys, now)?.kid })
    const name = keys[named % keys.length]?.kid ?? ''
    return decideWithdrawal(keys, what === 'bare' ? compromisedOf(keys, now) : [name], { now })
  }

  /** Plays the steps and looks at the keys after each. */
  function play(purpose: KeyPurpose, steps: Step[]) {
    let keys = keysOf([{ active: 0 }, {}], purpose)
    let seconds = 0
    const seen: { keys: KeyRecord[]; seconds: number; step: Step }[] = []
    for (const step of steps) {
      seconds += step.seconds
      const rotation = decisionOf(keys, at(seconds), step)
      for (const { before, after } of rotation?.changes ?? []) {
        expect(keys[after.sequence - 1]).toBe(before)
        keys = keys.with(after.sequence - 1, after)
      }
      if (rotation?.nextSequence) {
        const [key] = keysOf([{ published: seconds }], purpose)
        const kid = `k${rotation.nextSequence}`
        if (key) keys = [...keys, { ...key, kid, sequence: rotation.nextSequence }]
      }
      seen.push({ keys, seconds, step })
    }
    return seen
  }

  it('one key signs, it is published, and the one that follows is known before', () => {
    fc.assert(
      fc.property(purposes, history, (purpose, steps) => {
        for (const { keys, seconds } of play(purpose, steps)) {
          const states = statesAt(keys, seconds)
          expect(states.filter(state => state === 'current')).toHaveLength(1)
          expect(states.indexOf('current')).toBeLessThan(states.lastIndexOf('next'))
          const published = publishedOf(keys, at(seconds))
          expect(published[0]).toBe(currentOf(keys, at(seconds)))
          expect(keys.filter(key => !key.activeFrom && !key.withdrawnAt)).toHaveLength(1)
          expect(published.some(key => key.withdrawnAt)).toBe(false)
          expect(keys.map(({ sequence }) => sequence)).toEqual(keys.map((_, index) => index + 1))
        }
      }),
    )
  })

  it('without an emergency no key signs that was not published for its time, and none goes too early', () => {
    fc.assert(
      fc.property(purposes, history, (purpose, steps) => {
        const calm = steps.map(one => (one.what === 'nothing' ? one : { ...one, what: 'rotate' as const }))
        const { retainSeconds = Number.POSITIVE_INFINITY } = policies[purpose]
        for (const { keys, seconds } of play(purpose, calm)) {
          const views = viewsOf(keys, at(seconds))
          for (const { sequence, activeFrom, publishedAt } of views)
            if (sequence > 1 && activeFrom)
              expect(epochMilliseconds(activeFrom) - epochMilliseconds(publishedAt)).toBeGreaterThanOrEqual(600_000)
          for (const { kid, retiredAt } of views) {
            const alive =
              !retiredAt || epochMilliseconds(at(seconds)) < epochMilliseconds(retiredAt) + retainSeconds * 1000
            expect([kid, kids(publishedOf(keys, at(seconds))).includes(kid)]).toEqual([kid, alive])
          }
        }
      }),
    )
  })

  it('after an emergency nothing is trusted that it was about', () => {
    fc.assert(
      fc.property(purposes, history, (purpose, steps) => {
        for (const { keys, seconds, step } of play(purpose, steps)) {
          const now = at(seconds)
          if (step.what === 'bare' && purpose !== 'statement')
            expect(publishedOf(keys, now).filter(key => stateOf(key, keys, now) === 'retired')).toEqual([])
          // No clock that lags or leads brings a key back, or is left without any.
          const withdrawn: unknown[] = [undefined, ...keys.filter(key => key.withdrawnAt)]
          for (const skew of [-120, -1, 0, 1, 120, 100_000])
            expect(withdrawn).not.toContain(currentOf(keys, at(seconds + skew)))
        }
      }),
    )
  })

  it('nothing changes before the next change', () => {
    fc.assert(
      fc.property(purposes, history, (purpose, steps) => {
        for (const { keys, seconds } of play(purpose, steps)) {
          const now = at(seconds)
          const until = nextChangeOf(keys, now)
          if (until === Number.POSITIVE_INFINITY) continue
          const justBefore = instant(new Date(until - 1).toISOString())
          expect(currentOf(keys, justBefore)).toBe(currentOf(keys, now))
          expect(publishedOf(keys, justBefore)).toEqual(publishedOf(keys, now))
        }
      }),
    )
  })
})
