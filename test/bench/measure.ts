/** Figures of several rounds. Rounds take turns (A B C A B C …), so that a slow minute of the machine hits all alike. */
export type Spread = { median: number; low: number; high: number }

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (place: number) => sorted[Math.max(0, Math.min(sorted.length - 1, place))] ?? Number.NaN
  const half = sorted.length / 2
  return { median: (at(Math.ceil(half) - 1) + at(Math.floor(half))) / 2, low: at(0), high: at(sorted.length - 1) }
}

/** The ratio round by round, since what one round shares (clock speed, neighbours) cancels out. */
export const ratioOf = (values: readonly number[], to: readonly number[]): Spread =>
  spreadOf(values.map((value, round) => value / (to[round] ?? Number.NaN)))

/** The order of one round: another one comes first each time, so that no place in the order is anybody's own. */
export const turned = <T>(items: readonly T[], round: number): T[] => {
  const start = round % Math.max(1, items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}

/** Runs every contender once a round. @returns each contender's results, round by round */
export async function interleaved<Name extends string, Result>(
  names: readonly Name[],
  rounds: number,
  run: (name: Name, round: number) => Promise<Result>,
): Promise<Record<Name, Result[]>> {
  const found = Object.fromEntries(names.map(name => [name, [] as Result[]])) as Record<Name, Result[]>
  for (let round = 0; round < rounds; round += 1)
    for (const name of turned(names, round)) found[name].push(await run(name, round))
  return found
}
