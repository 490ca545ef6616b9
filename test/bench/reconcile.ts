import { mkdirSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { recordTable } from '../support/recorded-table.ts'
import { unitsOf } from './ingest-cost.ts'
import { ingestWorld } from './ingest-world.ts'
import { interleaved, ratioOf, type Spread, spreadOf } from './measure.ts'
import type { SqlAsked } from './processes/reconcile-duckdb.ts'
import type { Figures as Measured } from './processes/reconcile-figures.ts'
import type { RunAsked } from './processes/reconcile-run.ts'
import type { Counts } from './reconcile-count.ts'
import { chainFolder, facts, writeChain } from './reconcile-world.ts'
import { type Grid, number, type Section, spread, type Target, times } from './report.ts'
import type { Stage } from './stage.ts'

const seed = 20_261_003
const batchLines = 10_000
/** As a Lambda of 512 MB would be started: what the heap may grow to leaves room for buffers and the program itself. */
const heapMegabytes = 256
const flags = [`--max-old-space-size=${heapMegabytes}`]

type Reconciled = Measured<Counts>
type Contender = 'ours' | 'duckdb'
type Figures = {
  sizes: readonly number[]
  entitlements: number
  rounds: number
  found: Record<string, Reconciled[]>
  table: Reconciled & { engine: string; events: number; writeUnits: number; readUnits: number }
}

/** How long a partner's chain takes to reconcile, and in how much memory, beside SQL that only counts. */
export async function reconcileTopic(stage: Stage): Promise<Section> {
  const figures = await measure(stage)
  return {
    topic: 'reconcile',
    tables: [sizeGrid(figures), dispositionGrid(figures), spillGrid(figures)],
    targets: targets(figures),
    notes: [
      `One partner, ${figures.entitlements.toLocaleString('en-US')} entitlements, a third of them with a monthly quota; about 2 % of the lines are bad, of every kind; batches of ${batchLines.toLocaleString('en-US')}. ${figures.rounds} interleaved rounds, each measurement in a process of its own that starts cold, files in the page cache. A run gives each line its outcome, with the day and the contracts of what matched, and the sums with active members; DuckDB gives the counts alone, with all threads of the machine. Counts by disposition and the quantity that matched were the same in every measurement, or there would be no table.`,
      `Ours is bundled as the settle Lambda is, with \`${flags.join(' ')}\`; steps are kept in a folder, and every line is sorted, judged and read back through it. Memory is the kernel's high-water mark of the process (VmHWM). Which lines are malformed was found when they were received, and is read with the batch; DuckDB finds it itself.`,
      `A close keeps the steps of a chain of more than 100,000 lines in the table, so that it resumes after a crash: write units as ${figures.table.engine} reports them, through a wire that records them, which is what its time is made of.`,
    ],
  }
}

const nameOf = (contender: Contender, events: number): string => `${contender} ${events}`

async function measure(stage: Stage): Promise<Figures> {
  const { quick, progress, folder } = stage
  const sizes = quick ? [10_000, 50_000, 150_000] : [100_000, 1_000_000, 3_000_000]
  const entitlements = quick ? 10_000 : 200_000
  const rounds = quick ? 1 : 3
  for (const events of sizes) {
    progress(`reconcile: writes a chain of ${events}`)
    mkdirSync(chainFolder(folder, events))
    writeChain(chainFolder(folder, events), { events, entitlements, batchLines, seed })
  }
  const names = sizes.flatMap(events => [nameOf('ours', events), nameOf('duckdb', events)])
  const run = (name: string): Promise<Reconciled> => {
    const [contender, events] = name.split(' ')
    return contender === 'ours' ? runOurs(stage, Number(events)) : runDuckdb(stage, Number(events))
  }
  const found = await interleaved(names, rounds, async (name, round) => {
    progress(`reconcile: round ${round + 1} of ${rounds}, ${name}`)
    return run(name)
  })
  for (const events of sizes)
    assertSame(
      events,
      names.filter(name => name.endsWith(` ${events}`)),
      found,
    )
  return { sizes, entitlements, rounds, found, table: await throughTable(stage, sizes[0] ?? 0) }
}

async function runOurs(stage: Stage, events: number, endpoint?: string): Promise<Reconciled> {
  const process = await stage.startBundled('reconcile-run', 'settle', flags)
  const asked: RunAsked = { folder: chainFolder(stage.folder, events), facts, ...(endpoint && { endpoint }) }
  return process.ask<Reconciled>('run', asked).finally(() => process.stop())
}

async function runDuckdb(stage: Stage, events: number): Promise<Reconciled> {
  const process = await stage.start('reconcile-duckdb')
  const asked: SqlAsked = { folder: chainFolder(stage.folder, events), batchLines }
  return process.ask<Reconciled>('run', asked).finally(() => process.stop())
}

/** @throws when two of them counted otherwise, or not every line */
function assertSame(events: number, names: readonly string[], found: Record<string, Reconciled[]>): void {
  const [first, ...others] = names.flatMap(name => found[name] ?? []).map(measured => measured.found)
  const differing = others.find(counts => !isDeepStrictEqual(counts, first))
  if (differing)
    throw new Error(
      `reconcile: ${events} events were counted ${JSON.stringify(first)} and ${JSON.stringify(differing)}`,
    )
  const lines = Object.values(first?.lines ?? {}).reduce((sum, count) => sum + count, 0)
  if (lines !== events) throw new Error(`reconcile: of ${events} events ${lines} have a disposition`)
}

/** The same run with its steps in the table, behind a wire that asks what each request costs. */
async function throughTable(stage: Stage, events: number): Promise<Figures['table']> {
  stage.progress(`reconcile: steps of ${events} events in the table`)
  const { engine } = await ingestWorld(stage, 'dynamodb-local').catch(() => ingestWorld(stage))
  const wire = await recordTable(engine.endpoint)
  stage.defer(() => wire.stop())
  const run = await runOurs(stage, events, wire.endpoint)
  return {
    ...run,
    events,
    engine: engine.name,
    writeUnits: unitsOf(wire.calls, 'write'),
    readUnits: unitsOf(wire.calls, 'read'),
  }
}

const of = ({ found }: Figures, contender: Contender, events: number): Reconciled[] =>
  found[nameOf(contender, events)] ?? []
const secondsOf = (figures: Figures, contender: Contender, events: number): number[] =>
  of(figures, contender, events).map(({ seconds }) => seconds)
const peakOf = (figures: Figures, contender: Contender, events: number): Spread =>
  spreadOf(of(figures, contender, events).map(({ peakMegabytes }) => peakMegabytes))
const againstSql = (figures: Figures, events: number): Spread =>
  ratioOf(secondsOf(figures, 'ours', events), secondsOf(figures, 'duckdb', events))

/** The time of an event against that of one in a smaller chain. */
const growth = (figures: Figures, events: number, smaller: number): Spread =>
  ratioOf(
    secondsOf(figures, 'ours', events).map(seconds => seconds / events),
    secondsOf(figures, 'ours', smaller).map(seconds => seconds / smaller),
  )

const sizeGrid = (figures: Figures): Grid => ({
  columns: [
    'events',
    'run, s',
    'CPU s',
    'µs an event',
    'against linear, from the row above',
    'peak, MB',
    'DuckDB, s',
    'CPU s',
    'peak, MB',
    'run against DuckDB',
  ],
  rows: figures.sizes.map((events, place) => {
    const smaller = figures.sizes[place - 1]
    const cpu = (contender: Contender) =>
      number(spreadOf(of(figures, contender, events).map(({ cpuSeconds }) => cpuSeconds)).median)
    return [
      events.toLocaleString('en-US'),
      spread(spreadOf(secondsOf(figures, 'ours', events))),
      cpu('ours'),
      number((spreadOf(secondsOf(figures, 'ours', events)).median / events) * 1e6),
      smaller === undefined ? '' : times(growth(figures, events, smaller)),
      spread(peakOf(figures, 'ours', events)),
      spread(spreadOf(secondsOf(figures, 'duckdb', events))),
      cpu('duckdb'),
      number(peakOf(figures, 'duckdb', events).median),
      times(againstSql(figures, events)),
    ]
  }),
})

function dispositionGrid(figures: Figures): Grid {
  const counted = figures.sizes.map(events => of(figures, 'ours', events)[0]?.found.lines ?? {})
  const names = [...new Set(counted.flatMap(lines => Object.keys(lines)))].sort()
  return {
    columns: ['lines, the same by both', ...figures.sizes.map(events => events.toLocaleString('en-US'))],
    rows: names.map(name => [name, ...counted.map(lines => (lines[name] ?? 0).toLocaleString('en-US'))]),
  }
}

const spillGrid = ({ table }: Figures): Grid => ({
  columns: ['events, steps in the table', 'run, s', 'peak, MB', 'write units', 'an event', 'read units', 'an event'],
  rows: [
    [
      table.events.toLocaleString('en-US'),
      number(table.seconds),
      number(table.peakMegabytes),
      number(table.writeUnits),
      (table.writeUnits / table.events).toFixed(4),
      number(table.readUnits),
      (table.readUnits / table.events).toFixed(4),
    ],
  ],
})

function targets(figures: Figures): Target[] {
  const [small = 0, middle = 0, large = 0] = figures.sizes
  const name = (events: number) => events.toLocaleString('en-US')
  const most = (name: string, measured: number, limit: number, unit: string): Target => ({
    name,
    measured,
    limit,
    bound: 'at most',
    unit,
  })
  return [
    ...[small, middle, large].map(events =>
      most(
        `peak memory at ${name(events)} events, the highest round`,
        peakOf(figures, 'ours', events).high,
        512,
        ' MB',
      ),
    ),
    most(
      `peak memory at ${name(large)} events against ${name(middle)}`,
      peakOf(figures, 'ours', large).median / peakOf(figures, 'ours', middle).median,
      1.1,
      ' ×',
    ),
    most(
      `time from ${name(small)} to ${name(middle)} events, against linear`,
      growth(figures, middle, small).median,
      1.1,
      ' ×',
    ),
    most(
      `time from ${name(middle)} to ${name(large)} events, against linear`,
      growth(figures, large, middle).median,
      1.1,
      ' ×',
    ),
    most(`run against DuckDB at ${name(middle)} events`, againstSql(figures, middle).median, 3, ' ×'),
  ]
}
