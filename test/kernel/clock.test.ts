import { describe, expect, it } from 'vitest'
import { heldFor, plusSeconds } from '../../functions/kernel/clock.ts'
import { instant } from '../memberships/world.ts'

const start = instant('2026-10-01T00:00:00Z')

/** Values held for 5 s by two clocks that a test moves; each load gives the next number. */
function world(entries = 1) {
  const time = { business: 0, monotonic: 0 }
  let loads = 0
  const seen: (number | undefined)[] = []
  const held = heldFor<number>(5, { entries, monotonic: () => time.monotonic * 1000 })
  const now = () => plusSeconds(start, time.business)
  const load = async (last: number | undefined) => {
    seen.push(last)
    loads += 1
    return loads
  }
  const pass = (seconds: number) => {
    time.business += seconds
    time.monotonic += seconds
  }
  return { time, held, now, seen, pass, get: (key = 'a', loading = load) => held.get(key, now(), loading) }
}
/** A load that ends when the test says so. */
const pending = () => Promise.withResolvers<number>()

describe('a held value', () => {
  it('is loaded once in its time, and then again, from what it was', async () => {
    const { get, pass, seen } = world()
    expect(await get()).toBe(1)
    pass(4.999)
    expect(await get()).toBe(1)
    pass(0.001)
    expect(await get()).toBe(2)
    expect(seen).toEqual([undefined, 1])
  })

  it.each([
    ['the business clock leaps ahead', { business: 5, monotonic: 0 }],
    ['the business clock goes back', { business: -5, monotonic: 0 }],
    ['the business clock stands still', { business: 0, monotonic: 5 }],
  ])('is loaded again when %s', async (_, moved) => {
    const { get, time } = world()
    await get()
    Object.assign(time, moved)
    expect(await get()).toBe(2)
  })

  it('is loaded once for all who ask at the same time', async () => {
    const { get, seen } = world()
    expect(await Promise.all(Array.from({ length: 50 }, () => get()))).toEqual(Array(50).fill(1))
    expect(seen).toHaveLength(1)
  })

  it('is as old as the beginning of its load', async () => {
    const { get, pass } = world()
    const slow = pending()
    const first = get('a', () => slow.promise)
    pass(4)
    slow.resolve(70)
    expect(await first).toBe(70)
    expect(await get()).toBe(70)
    pass(1)
    expect(await get()).toBe(1)
  })

  it('comes from the later one of two loads, whichever ends first', async () => {
    const { get, pass } = world()
    const [slow, quick] = [pending(), pending()]
    const first = get('a', () => slow.promise)
    pass(5)
    const second = get('a', () => quick.promise)
    quick.resolve(2)
    expect(await second).toBe(2)
    slow.resolve(1)
    expect(await first).toBe(1)
    expect(await get()).toBe(2)
  })

  it('that could not be loaded is asked for again, by whoever waited too, and the last one is still known', async () => {
    const { get, pass, seen } = world()
    await get()
    pass(5)
    const failing = () => get('a', () => Promise.reject(new Error('away')))
    const outcomes = await Promise.allSettled([failing(), failing()])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await get()).toBe(2)
    expect(seen).toEqual([undefined, 1])
  })

  it('that is forgotten is loaded anew, also while it is being loaded', async () => {
    const { get, held, seen } = world()
    await get()
    held.forget()
    expect(await get()).toBe(2)
    held.forget()
    const slow = pending()
    const before = get('a', () => slow.promise)
    held.forget()
    expect(await get()).toBe(3)
    slow.resolve(99)
    expect(await before).toBe(99)
    expect(await get()).toBe(3)
    expect(seen).toEqual([undefined, undefined, undefined])
  })

  it('is one a key, and the one that was loaded longest ago gives way', async () => {
    const { get, pass } = world(2)
    expect([await get('a'), await get('b')]).toEqual([1, 2])
    pass(4)
    expect([await get('a'), await get('b')]).toEqual([1, 2])
    pass(1)
    expect(await get('a')).toBe(3)
    expect(await get('c')).toBe(4)
    // b was loaded before a was loaded again.
    expect([await get('a'), await get('c'), await get('b')]).toEqual([3, 4, 5])
  })

  it('that does not exist takes no place', async () => {
    const { get } = world(1)
    await get('a')
    for (const key of ['x', 'y'])
      await expect(get(key, () => Promise.reject(new Error('none')))).rejects.toThrow('none')
    expect(await get('a')).toBe(1)
  })
})
