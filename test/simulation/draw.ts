/** Random draws that a seed repeats. */
export type Draw = {
  /** From 0 (inclusive) to `below`. */
  below(below: number): number
  chance(share: number): boolean
  pick<T>(items: readonly T[]): T
  shuffled<T>(items: readonly T[]): T[]
}

/** mulberry32: small, and even enough for schedules. */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    below,
    chance: share => next() < share,
    pick: <T>(items: readonly T[]) => items[below(items.length)] as T,
    shuffled<T>(items: readonly T[]) {
      const all = [...items]
      for (let last = all.length - 1; last > 0; last--) {
        const other = below(last + 1)
        const held = all[last] as T
        all[last] = all[other] as T
        all[other] = held
      }
      return all
    },
  }
}
