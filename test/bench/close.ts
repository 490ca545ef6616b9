import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type Amounts, partners, writeMonth } from './close-world.ts'
import { interleaved, ratioOf, type Spread, spreadOf } from './measure.ts'
import type { Figures as Measured } from './processes/reconcile-figures.ts'
import { type Grid, number, type Section, spread, type Target, times } from './report.ts'
import type { Stage } from './stage.ts'

const seed = 20_261_031
const batchLines = 10_000
/** As the Lambda of the close is started. */
const flags = ['--max-old-space-size=256']

type Contender = 'ours' | 'duckdb'
const forms = ['csv', 'xlsx'] as const
type Form = (typeof forms)[number]
type Figures = {
  sizes: readonly number[]
  entitlements: number
  rounds: number
  found: Record<string, Measured<Amounts>[]>
  downloads: { lines: number; found: Record<Form, Measured<number>[]> }
}

/** How long the statements of a month take to compute, and in how much memory, beside SQL that gives the same ones. */
export async function closeTopic(stage: Stage): Promise<Section> {
  const figures = await measure(stage)
  return {
    topic: 'close',
    tables: [grid(figures), downloadGrid(figures)],
    targets: targets(figures),
    notes: [
      `Four partners with a quarter of the events each, ${figures.entitlements.toLocaleString('en-US')} entitlements; about 2 % of the lines are bad, all others match. Each contract has tiers, active and entitled members, a revenue share, a fee and tax. ${figures.rounds} interleaved rounds, each measurement in a process of its own that starts cold, files in the page cache. Amounts of all lines, subtotals, taxes and totals were the same to the minor unit in every measurement, or there would be no table.`,
      `Ours is everything between the cutoff and the first posting: each line gets its outcome, totals are rated, statements drafted and hashed. It runs with \`${flags.join(' ')}\`, one partner after another in one thread, steps in a folder. What a close then stores (an outcome for each line, statements, transfers) is no part of it on either side. DuckDB has all threads of the machine.`,
      `A statement of ${figures.downloads.lines.toLocaleString('en-US')} lines, which lie in memory (about 15 MB), is written as a file that nobody keeps. Memory is the kernel's high-water mark of a process that does nothing else.`,
    ],
  }
}

const nameOf = (contender: Contender, events: number): string => `${contender} ${events}`

async function measure(stage: Stage): Promise<Figures> {
  const { quick, progress } = stage
  const sizes = quick ? [20_000, 60_000] : [1_000_000, 3_000_000]
  const entitlements = quick ? 8_000 : 200_000
  const rounds = quick ? 1 : 3
  for (const events of sizes) {
    progress(`close: writes a month of ${events}`)
    mkdirSync(folderFor(stage, events))
    writeMonth(folderFor(stage, events), { events, entitlements, batchLines, seed })
  }
  const names = sizes.flatMap(events => [nameOf('ours', events), nameOf('duckdb', events)])
  const found = await interleaved(names, rounds, async (name, round) => {
    progress(`close: round ${round + 1} of ${rounds}, ${name}`)
    const [contender, events] = name.split(' ')
    return run(stage, contender === 'ours' ? 'ours' : 'duckdb', Number(events))
  })
  for (const events of sizes) assertSame(events, found)
  return { sizes, entitlements, rounds, found, downloads: await measureDownloads(stage, rounds) }
}

async function measureDownloads(stage: Stage, rounds: number): Promise<Figures['downloads']> {
  const lines = stage.quick ? 5_000 : 100_000
  const found = await interleaved([...forms], rounds, async (form, round) => {
    stage.progress(`close: round ${round + 1} of ${rounds}, ${lines} lines as ${form}`)
    const process = await stage.startBundled('download-rows', 'api')
    return process.ask<Measured<number>>('run', { form, lines }).finally(() => process.stop())
  })
  return { lines, found: { csv: found['csv'] ?? [], xlsx: found['xlsx'] ?? [] } }
}

const folderFor = ({ folder }: Stage, events: number): string => join(folder, `month-${events}`)

async function run(stage: Stage, contender: Contender, events: number): Promise<Measured<Amounts>> {
  const process =
    contender === 'ours' ? await stage.startBundled('close-run', 'settle', flags) : await stage.start('close-duckdb')
  const asked = { folder: folderFor(stage, events), batchLines }
  return process.ask<Measured<Amounts>>('run', asked).finally(() => process.stop())
}

/** @throws when two of them have other amounts */
function assertSame(events: number, found: Figures['found']): void {
  const [first, ...others] = (['ours', 'duckdb'] as const)
    .flatMap(contender => found[nameOf(contender, events)] ?? [])
    .map(measured => measured.found)
  if (Object.keys(first ?? {}).length !== partners.length) throw new Error(`close: ${events} events lack a statement`)
  const differing = others.find(amounts => !isDeepStrictEqual(amounts, first))
  if (differing)
    throw new Error(`close: ${events} events make ${JSON.stringify(first)} and ${JSON.stringify(differing)}`)
}

const of = ({ found }: Figures, contender: Contender, events: number) => found[nameOf(contender, events)] ?? []
const secondsOf = (figures: Figures, contender: Contender, events: number): number[] =>
  of(figures, contender, events).map(({ seconds }) => seconds)
const cpuOf = (figures: Figures, contender: Contender, events: number): Spread =>
  spreadOf(of(figures, contender, events).map(({ cpuSeconds }) => cpuSeconds))
const peakOf = (figures: Figures, contender: Contender, events: number): Spread =>
  spreadOf(of(figures, contender, events).map(({ peakMegabytes }) => peakMegabytes))
const againstSql = (figures: Figures, events: number): Spread =>
  ratioOf(secondsOf(figures, 'ours', events), secondsOf(figures, 'duckdb', events))
const growth = (figures: Figures, events: number, smaller: number): Spread =>
  ratioOf(
    secondsOf(figures, 'ours', events).map(seconds => seconds / events),
    secondsOf(figures, 'ours', smaller).map(seconds => seconds / smaller),
  )

const grid = (figures: Figures): Grid => ({
  columns: [
    'events of four partners',
    'close, s',
    'CPU s',
    'against linear, from the row above',
    'peak, MB',
    'DuckDB, s',
    'CPU s',
    'peak, MB',
    'close against DuckDB',
  ],
  rows: figures.sizes.map((events, place) => {
    const smaller = figures.sizes[place - 1]
    return [
      events.toLocaleString('en-US'),
      spread(spreadOf(secondsOf(figures, 'ours', events))),
      number(cpuOf(figures, 'ours', events).median),
      smaller === undefined ? '' : times(growth(figures, events, smaller)),
      spread(peakOf(figures, 'ours', events)),
      spread(spreadOf(secondsOf(figures, 'duckdb', events))),
      number(cpuOf(figures, 'duckdb', events).median),
      number(peakOf(figures, 'duckdb', events).median),
      times(againstSql(figures, events)),
    ]
  }),
})

const downloadPeak = ({ downloads }: Figures, form: Form): Spread =>
  spreadOf(downloads.found[form].map(({ peakMegabytes }) => peakMegabytes))

const downloadGrid = (figures: Figures): Grid => ({
  columns: [`${figures.downloads.lines.toLocaleString('en-US')} lines as`, 's', 'CPU s', 'MB long', 'peak, MB'],
  rows: forms.map(form => {
    const measured = figures.downloads.found[form]
    return [
      form.toUpperCase(),
      spread(spreadOf(measured.map(({ seconds }) => seconds))),
      number(spreadOf(measured.map(({ cpuSeconds }) => cpuSeconds)).median),
      number((measured[0]?.found ?? 0) / 1e6),
      spread(downloadPeak(figures, form)),
    ]
  }),
})

function targets(figures: Figures): Target[] {
  const [middle = 0, large = 0] = figures.sizes
  const name = (events: number) => events.toLocaleString('en-US')
  const most = (what: string, measured: number, limit: number, unit: string): Target => ({
    name: what,
    measured,
    limit,
    bound: 'at most',
    unit,
  })
  return [
    ...figures.sizes.map(events =>
      most(
        `peak memory of a close of ${name(events)} events, the highest round`,
        peakOf(figures, 'ours', events).high,
        512,
        ' MB',
      ),
    ),
    most(
      `time from ${name(middle)} to ${name(large)} events, against linear`,
      growth(figures, large, middle).median,
      1.1,
      ' ×',
    ),
    ...forms.map(form =>
      most(
        `peak memory of a file of ${name(figures.downloads.lines)} lines as ${form.toUpperCase()}, the highest round`,
        downloadPeak(figures, form).high,
        256,
        ' MB',
      ),
    ),
    most(`close against DuckDB at ${name(middle)} events`, againstSql(figures, middle).median, 3, ' ×'),
  ]
}
