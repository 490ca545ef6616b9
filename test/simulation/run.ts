import { drawFrom } from './draw.ts'
import { contentOf, itemsOf } from './dump.ts'
import { type Act, story, type Tale } from './story.ts'
import type { Meter } from './wire.ts'
import { newWorld, type Origin, type World } from './world.ts'

/** What is played under a seed, and what goes wrong. */
export type Schedule = { tale: Tale; seed: number; share: number; deathAt: number; diesAfter: boolean }

export const undisturbed = (tale: Tale): Schedule => ({ tale, seed: 0, share: 0, deathAt: 0, diesAfter: false })

/**
 * The first seeds kill the process before and after each single write of a month; the others draw when, and trouble the
 * wire too: of these each third plays a quarter, which takes five times as long.
 */
export function scheduleOf(seed: number, writes: Record<Tale, number>): Schedule {
  const exact = Math.ceil(seed / 2)
  if (exact <= writes.month) return { tale: 'month', seed, share: 0, deathAt: exact, diesAfter: seed % 2 === 0 }
  const draw = drawFrom(seed)
  const tale = seed % 3 === 0 ? 'quarter' : 'month'
  const deathAt = 1 + draw.below(writes[tale])
  return { tale, seed, share: 0.02 + draw.below(8) / 100, deathAt, diesAfter: draw.chance(0.5) }
}

/** The command that plays a schedule again. */
export const replayOf = ({ seed }: Schedule): string =>
  `SIM_SEED=${seed} npx vitest run --project parts test/simulation/simulation-1.test.ts`

export type Outcome = { content: Map<string, string>; meter: Meter; world: World; acts: Act[] }

/** Plays the story under a schedule to its end. */
export async function play(origin: Origin, endpoint: string, { tale, seed, ...schedule }: Schedule): Promise<Outcome> {
  const draw = drawFrom(seed + 1_000_000)
  const world = await newWorld(origin, endpoint, { ...schedule, draw })
  const acts = story(tale, world, origin, draw)
  const processes = { first: world.process(), second: world.process() }
  for (const act of acts) await insist(world, processes, act)
  const content = contentOf(await itemsOf(world.clean, world.tableName))
  return { content, meter: world.meter, world, acts }
}

export type Processes = { first: ReturnType<World['process']>; second: ReturnType<World['process']> }
const patience = 60

/** Callers repeat what failed, and a process that died is started again. */
export async function insist(world: World, processes: Processes, act: Act): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await act.run(processes.first.services, processes.second.services)
      return
    } catch (error) {
      if (attempt >= patience) throw new Error(`${act.name} never succeeds: ${String(error)}`, { cause: error })
      for (const name of ['first', 'second'] as const) if (processes[name].isDead()) processes[name] = world.process()
    }
  }
}

/** Everything once more on a calm wire: a replay must change nothing. */
export async function replay({ world, acts }: Outcome): Promise<Map<string, string>> {
  const services = world.calm()
  for (const act of acts) if (!act.name.startsWith('it is')) await act.run(services, services)
  return contentOf(await itemsOf(world.clean, world.tableName))
}
