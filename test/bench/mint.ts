import { interleaved, ratioOf, type Spread, spreadOf } from './measure.ts'
import { mintWorld, type World } from './mint-world.ts'
import type { Load, Loaded } from './processes/mint-load.ts'
import type { PartsMaterial } from './processes/mint-parts.ts'
import { number, type Section, spread, type Target, times } from './report.ts'
import type { Performer, Stage } from './stage.ts'

const servers = ['mint', 'mint, known caller', 'bare', 'oidc'] as const
const parts = ['read', 'verify', 'sign'] as const
type Server = (typeof servers)[number]
type Part = (typeof parts)[number]
type Measured = Server | Part
type Route = Pick<Load, 'port' | 'path' | 'headers' | 'bodies' | 'authorizations'>
/** Processor microseconds of one, round by round. */
type Found = Record<Measured, number[]>

const names: Record<Measured, string> = {
  mint: 'mint, access token seen for the first time',
  'mint, known caller': 'mint, access token seen before',
  bare: 'bare Hono route, same bodies',
  oidc: 'oidc-provider, client_credentials, JWT access token',
  read: 'one Query of a link with the stock SDK',
  verify: 'one ES256 verification',
  sign: 'one ES256 signature',
}
const concurrency = 8
/** More than a gateway remembers, so that none is known when its turn comes again. */
const strangers = 1_500
const path = '/v1/entitlement-tokens'

/** Processor time of one entitlement token, against the parts it cannot do without and against oidc-provider. */
export async function mintTopic(stage: Stage): Promise<Section> {
  const { quick, progress } = stage
  const rounds = quick ? 2 : 9
  const count = quick ? 100 : 3_000
  const world = await mintWorld(stage, quick ? 10 : 200)
  const cast = await performers(stage, world)
  const run = measuring(cast, world)
  progress('mint: warming up')
  for (const name of [...servers, ...parts]) await run(name, quick ? 100 : 3_000)
  const found = await interleaved<Measured, number>([...servers, ...parts], rounds, async (name, round) => {
    progress(`mint: round ${round + 1} of ${rounds}, ${names[name]}`)
    return run(name, count)
  })
  for (const performer of [cast.load, cast.parts, ...Object.values(cast.servers)]) await performer.stop()
  return sectionOf(found, `${count.toLocaleString('en-US')} of each in ${rounds} interleaved rounds`)
}

type Cast = {
  load: Performer
  parts: Performer
  servers: Record<Server, Performer>
  routes: Record<Server, Route>
}

async function performers(stage: Stage, world: World): Promise<Cast> {
  const { config, vaultKey, links, client } = world
  const [load, gateway, bare, oidc, loops] = await Promise.all([
    stage.start('mint-load'),
    stage.startBundled('mint-gateway'),
    stage.startBundled('mint-bare'),
    stage.startBundled('mint-oidc', 'authorize'),
    stage.startBundled('mint-parts'),
  ])
  const mint: Route = {
    port: await gateway.ask<number>('start', { config, vaultKey }),
    path,
    headers: { 'content-type': 'application/json' },
    bodies: links.map(linkId => JSON.stringify({ linkId })),
    authorizations: bearers(await world.accessTokens(1)),
  }
  const { last } = await load.ask<Loaded>('load', { ...mint, count: 1, concurrency: 1, from: 0 } satisfies Load)
  const answer = JSON.parse(last) as { token: string }
  const [accessToken = ''] = await world.accessTokens(1)
  const endpoint = config.DYNAMODB_ENDPOINT ?? ''
  await loops.ask('start', {
    endpoint,
    tableName: config.TABLE_NAME,
    partitions: world.partitions,
    accessInput: signedPart(accessToken),
    entitlementInput: signedPart(answer.token),
  } satisfies PartsMaterial)
  const basic = Buffer.from(`${client.id}:${client.secret}`).toString('base64')
  const routes: Cast['routes'] = {
    mint,
    'mint, known caller': mint,
    bare: { ...mint, port: await bare.ask<number>('start', answer) },
    oidc: {
      port: await oidc.ask<number>('start', { ...client, endpoint }),
      path: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-forwarded-proto': 'https' },
      bodies: [new URLSearchParams({ grant_type: 'client_credentials', scope: client.scope }).toString()],
      authorizations: [`Basic ${basic}`],
    },
  }
  return { load, parts: loops, servers: { mint: gateway, 'mint, known caller': gateway, bare, oidc }, routes }
}

const bearers = (tokens: readonly string[]): string[] => tokens.map(token => `Bearer ${token}`)
const signedPart = (token: string): string => token.slice(0, token.lastIndexOf('.'))

/** @returns what gives the processor microseconds of one request, or of one part */
function measuring(cast: Cast, world: World) {
  return async (name: Measured, count: number): Promise<number> => {
    if (!isServer(name)) return cast.parts.ask<number>('run', { part: name, count, concurrency })
    const server = cast.servers[name]
    const route = { ...cast.routes[name] }
    // Access tokens live ten minutes, and a long run is longer.
    if (name === 'mint') route.authorizations = bearers(await world.accessTokens(strangers))
    if (name === 'mint, known caller' || name === 'bare') route.authorizations = bearers(await world.accessTokens(1))
    const before = await server.ask<number>('cpu')
    await cast.load.ask<Loaded>('load', { ...route, count, concurrency, from: 0 } satisfies Load)
    return ((await server.ask<number>('cpu')) - before) / count
  }
}

const isServer = (name: Measured): name is Server => servers.some(server => server === name)

function sectionOf(found: Found, size: string): Section {
  const sum = (names: readonly Measured[]) => found.mint.map((_value, round) => total(found, names, round))
  const whole = sum(['bare', 'read', 'verify', 'sign'])
  const known = sum(['bare', 'read', 'sign'])
  const row = (name: string, values: readonly number[], to?: readonly number[]) => [
    name,
    spread(spreadOf(values)),
    to ? times(ratioOf(values, to)) : '',
  ]
  const part = (name: Measured) => [names[name], spread(spreadOf(found[name])), share(ratioOf(found[name], whole))]
  return {
    topic: 'mint',
    tables: [
      {
        columns: ['what a mint is made of, each alone', 'CPU µs', 'share of the sum'],
        rows: [...(['bare', 'read', 'verify', 'sign'] as const).map(part), ['their sum', spread(spreadOf(whole)), '']],
      },
      {
        columns: ['', 'CPU µs', 'against the sum of its parts'],
        rows: [
          row(names.mint, found.mint, whole),
          row(`${names['mint, known caller']} (sum without verification)`, found['mint, known caller'], known),
        ],
      },
      {
        columns: ['', 'CPU µs', 'against oidc-provider'],
        rows: [
          row(names.oidc, found.oidc, found.oidc),
          row(names.mint, found.mint, found.oidc),
          row(names['mint, known caller'], found['mint, known caller'], found.oidc),
        ],
      },
    ],
    targets: targetsOf(found, whole, known),
    notes: [
      `Processor time of the serving process alone, all its threads, a request or a part: ${size}, ${concurrency} at a time. The engine and the load are processes of their own. The read is ${share(ratioOf(found.read, whole))} of the sum of the parts.`,
    ],
  }
}

function targetsOf(found: Found, whole: readonly number[], known: readonly number[]): Target[] {
  const against = (name: string, values: readonly number[], to: readonly number[], limit: number): Target => ({
    name,
    measured: ratioOf(values, to).median,
    limit,
    bound: 'at most',
    unit: ' ×',
  })
  return [
    against('mint for a token seen for the first time, against the sum of its parts', found.mint, whole, 1.25),
    against(
      'mint for a token seen before, against the sum without the verification',
      found['mint, known caller'],
      known,
      1.25,
    ),
    against('mint for a token seen for the first time, against oidc-provider', found.mint, found.oidc, 0.9),
  ]
}

const total = (found: Found, names: readonly Measured[], round: number): number =>
  names.reduce((sum, name) => sum + (found[name][round] ?? Number.NaN), 0)
const share = ({ median }: Spread): string => `${number(median * 100)} %`
