import { gzipSync } from 'node:zlib'
import { connect } from '../../functions/connect.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { eachLine } from '../../functions/usage/read.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import { recordTable } from '../support/recorded-table.ts'
import { costGrid, type Measured, unitsOf } from './ingest-cost.ts'
import { benchEvents, ingestWorld, ndjsonOf } from './ingest-world.ts'
import { interleaved, ratioOf, spreadOf } from './measure.ts'
import type { BatchLoad, IngestLoaded, PutLoad } from './processes/ingest-load.ts'
import { type Grid, number, type Section, spread, type Target, times } from './report.ts'
import type { Stage } from './stage.ts'

const concurrency = 8
const sizes = [100, 1_000, 10_000] as const
const cases = [...sizes.map(size => ({ size, ids: 'orders' as const })), { size: 10_000, ids: 'random' as const }]
/** Write units an event, chunks, manifest, pointer and head together. */
const limits: Record<number, number> = { 100: 0.15, 1000: 0.07, 10000: 0.06 }

/** What it costs to store usage, and how fast it goes, each beside one conditional put per event. */
export async function ingestTopic(stage: Stage): Promise<Section> {
  const units = await unitFigures(stage)
  const speed = await speedFigures(stage)
  return {
    topic: 'ingest',
    tables: [unitGrid(units), speedGrid(speed), costGrid(costed(units, speed))],
    targets: [...unitTargets(units), speedTarget(speed)],
    notes: [
      `Write and read units as ${units.engine} reports them (ConsumedCapacity), the items of a transaction by DynamoDB's rule, twice a unit for each KB begun; mean of ${units.repeats} batches after the first of a chain; events of ${number(units.bytesEach)} bytes, of 10,000 people at random, with order numbers as ids. Ids that are random UUIDs cannot be compressed, which is what their row shows.`,
      `Events a second: ${speed.rounds} interleaved rounds, ${concurrency} requests under way, ${speed.batches} batches of 10,000 or ${speed.puts} puts each; gateway, load and engine (${speed.engine}) are processes of their own on one machine. The gateway checks the access token, every line and the control totals.`,
      'Costs: prices of us-east-1, Lambda time is the measured processor time at 1,024 MB, HTTP API counts 512 KB a request, storage is one month of what a month brings. One put per event is taken with the request and the parsing of a batch of 10,000 around it and its own measured processor time, and is read back 4 KB at a time.',
    ],
  }
}

type Units = {
  size: number
  ids: 'orders' | 'random'
  write: number
  read: number
  stored: number
  bytes: number
  zipped: number
}
type UnitFigures = { engine: string; repeats: number; bytesEach: number; batches: Units[]; put: Units }

export async function unitFigures(stage: Stage): Promise<UnitFigures> {
  // The engine that counts as DynamoDB does; it needs Java.
  const world = await ingestWorld(stage, 'dynamodb-local').catch(() => ingestWorld(stage))
  const wire = await recordTable(world.engine.endpoint)
  stage.defer(() => wire.stop())
  const config = { ...world.config, DYNAMODB_ENDPOINT: wire.endpoint }
  const services = connect(config, { vault: developmentVault(world.vaultKey), log: silentLog })
  const needs = { ...services, oldestOpenPeriods: async () => ({ '88vip': '2026-10' as never }) }
  const repeats = stage.quick ? 1 : 3
  const receive = (events: number, partner: string, ids: Units['ids'] = 'orders') => {
    const body = Buffer.from(ndjsonOf(benchEvents(events, ids)))
    return { body, done: receiveBatch(needs, { partner, body, mediaType: 'application/x-ndjson' }) }
  }
  await receive(1, 'youku').done
  const batches: Units[] = []
  for (const { size, ids } of cases) {
    stage.progress(`ingest: units of ${size} events`)
    const found = { size, ids, write: 0, read: 0, stored: 0, bytes: 0, zipped: 0 }
    for (let repeat = 0; repeat < repeats; repeat++) {
      let sequence = 0
      const stored = await wire.during(async () => {
        const { body, done } = receive(size, 'youku', ids)
        ;({ sequence } = await done)
        found.bytes += body.byteLength / repeats
        found.zipped += gzipSync(body).byteLength / repeats
      })
      const read = await wire.during(() =>
        Array.fromAsync(eachLine(services, { partner: 'youku', from: sequence, upTo: sequence })),
      )
      found.write += unitsOf(stored, 'write') / repeats
      found.read += unitsOf(read, 'read') / repeats
      found.stored += bytesIn(JSON.stringify(stored.map(({ input }) => input))) / repeats
    }
    batches.push(found)
  }
  const [event] = benchEvents(1)
  const text = JSON.stringify(event)
  // One item of its own: a unit for each KB that it begins; a Query reads 4 KB for one.
  const item = text.length + 100
  const put = {
    size: 1,
    ids: 'orders' as const,
    write: Math.ceil(item / 1024),
    read: item / 4096,
    stored: item,
    bytes: text.length,
    zipped: 0,
  }
  return { engine: world.engine.name, repeats, bytesEach: (batches[2]?.bytes ?? 0) / 10_000, batches, put }
}

/** Bytes of binary attributes in a request, which its JSON has as base64: the chunks, and next to nothing else is stored. */
const bytesIn = (input: string): number =>
  [...input.matchAll(/"B":"([^"]*)"/g)].reduce((sum, [, data = '']) => sum + (data.length * 3) / 4, 0)

const contenders = ['put', 'plain', 'gzip', 'small', 'one partner'] as const
type Contender = (typeof contenders)[number]
const names: Record<Contender, string> = {
  put: 'one conditional put per event, straight to the engine',
  plain: 'batches of 10,000, eight partners',
  gzip: 'the same, sent as gzip',
  small: 'batches of 1,000, eight partners',
  'one partner': 'batches of 10,000, all of one partner',
}
type Found = { rate: number; milliseconds: number }
type SpeedFigures = {
  engine: string
  rounds: number
  batches: number
  puts: number
  found: Record<Contender, Found[]>
}

async function speedFigures(stage: Stage): Promise<SpeedFigures> {
  const { quick, progress } = stage
  const world = await ingestWorld(stage)
  const [gateway, load] = await Promise.all([stage.startBundled('ingest-gateway', 'api'), stage.start('ingest-load')])
  const { config, vaultKey, engine } = world
  const port = await gateway.ask<number>('start', { config, vaultKey })
  const [rounds, batches, puts] = quick ? [1, 4, 200] : [3, 8, 1_000]
  const partners = Array.from({ length: concurrency }, (_, index) => `partner-${index}`)

  async function send(more: Partial<BatchLoad> & { senders?: string[] } = {}): Promise<Found> {
    const { senders = partners, ...rest } = more
    // Access tokens live ten minutes, and a long run is longer.
    const authorizations = await Promise.all(senders.map(world.authorization))
    const asked = { port, authorizations, batches, events: 10_000, gzip: false, concurrency, ...rest }
    const before = await gateway.ask<number>('cpu')
    const { seconds } = await load.ask<IngestLoaded>('batches', asked satisfies BatchLoad)
    const used = (await gateway.ask<number>('cpu')) - before
    return { rate: (asked.batches * asked.events) / seconds, milliseconds: used / 1000 / asked.batches }
  }
  async function put(): Promise<Found> {
    const asked = { endpoint: engine.endpoint, tableName: 'events', events: puts, concurrency }
    const { seconds, cpuMilliseconds } = await load.ask<IngestLoaded>('puts', asked satisfies PutLoad)
    return { rate: puts / seconds, milliseconds: cpuMilliseconds / puts }
  }
  const run: Record<Contender, () => Promise<Found>> = {
    put,
    plain: () => send(),
    gzip: () => send({ gzip: true }),
    small: () => send({ events: 1_000, batches: 10 * batches }),
    'one partner': () => send({ senders: ['youku'] }),
  }
  for (const name of contenders) await run[name]()
  const found = await interleaved(contenders, rounds, async (name, round) => {
    progress(`ingest: round ${round + 1} of ${rounds}, ${names[name]}`)
    return run[name]()
  })
  return { engine: engine.name, rounds, batches, puts, found }
}

const rates = ({ found }: SpeedFigures, name: Contender): number[] => found[name].map(({ rate }) => rate)
const milliseconds = ({ found }: SpeedFigures, name: Contender): number =>
  spreadOf(found[name].map(one => one.milliseconds)).median

const nameOf = ({ size, ids }: Units): string => {
  if (size === 1) return 'one conditional put per event'
  return `batches of ${size.toLocaleString('en-US')}${ids === 'random' ? ', ids are random UUIDs' : ''}`
}
const each = (units: Units): number => units.write / units.size
const unitGrid = ({ batches, put }: UnitFigures): Grid => ({
  columns: ['stored as', 'write units an event', 'read units an event', 'bytes stored an event', 'write units, all'],
  rows: [...batches, put].map(units => [
    nameOf(units),
    each(units).toFixed(4),
    (units.read / units.size).toFixed(4),
    number(units.stored / units.size),
    number(units.write),
  ]),
})

const speedGrid = (speed: SpeedFigures): Grid => ({
  columns: ['', 'events a second', 'CPU µs an event', 'against one put per event'],
  rows: contenders.map(name => [
    names[name],
    spread(spreadOf(rates(speed, name))),
    number((1000 * milliseconds(speed, name)) / (name === 'put' ? 1 : name === 'small' ? 1_000 : 10_000)),
    times(ratioOf(rates(speed, name), rates(speed, 'put'))),
  ]),
})

function costed({ batches, put }: UnitFigures, speed: SpeedFigures): Measured[] {
  const [, small, large] = batches
  if (!small || !large) throw new Error('no units were measured')
  const measured = (name: string, units: Units, time: number): Measured => ({
    name,
    events: units.size,
    writeUnits: units.write,
    readUnits: units.read,
    storedBytes: units.stored,
    milliseconds: time,
    bytes: units.zipped,
  })
  const whole = milliseconds(speed, 'gzip')
  return [
    measured('batches of 10,000', large, whole),
    measured('batches of 1,000', small, milliseconds(speed, 'small')),
    {
      name: 'one put per event',
      events: large.size,
      writeUnits: put.write * large.size,
      readUnits: put.read * large.size,
      storedBytes: put.stored * large.size,
      milliseconds: whole + milliseconds(speed, 'put') * large.size,
      bytes: large.zipped,
    },
  ]
}

const unitTargets = ({ batches }: UnitFigures): Target[] =>
  batches
    .filter(({ ids }) => ids === 'orders')
    .map(units => ({
      name: `write units an event in batches of ${units.size.toLocaleString('en-US')}`,
      measured: each(units),
      limit: limits[units.size] ?? 0,
      bound: 'at most',
      unit: '',
    }))

const speedTarget = (speed: SpeedFigures): Target => ({
  name: 'events a second through the route, against one conditional put per event',
  measured: ratioOf(rates(speed, 'plain'), rates(speed, 'put')).median,
  limit: 50,
  bound: 'at least',
  unit: ' ×',
})
