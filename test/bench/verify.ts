import { interleaved, ratioOf, spreadOf } from './measure.ts'
import type { Ran } from './processes/verify.ts'
import { type Grid, number, type Section, spread, times } from './report.ts'
import type { Performer, Stage } from './stage.ts'
import { realisticTokens, type Tokens } from './tokens.ts'

const plain = ['raw', 'raw der', 'kit', 'fast-jwt', 'jsonwebtoken', 'aws-jwt-verify', 'jose'] as const
const cached = ['kit cached', 'fast-jwt cached'] as const
const missed = ['kit missed', 'fast-jwt missed'] as const
const judges = ['kit', 'fast-jwt', 'jsonwebtoken', 'aws-jwt-verify', 'jose'] as const
const contenders = [...plain, ...missed, ...cached]
type Contender = (typeof contenders)[number]
type Found = Record<Contender, Ran[]>

const names: Record<Contender, string> = {
  raw: '`crypto.verify` alone',
  'raw der': '`crypto.verify` alone, signature as DER',
  kit: 'partner kit, no cache',
  'fast-jwt': 'fast-jwt, no cache',
  jsonwebtoken: 'jsonwebtoken',
  'aws-jwt-verify': 'aws-jwt-verify',
  jose: 'jose',
  'kit missed': 'partner kit, cache on, new token',
  'fast-jwt missed': 'fast-jwt, cache on, new token',
  'kit cached': 'partner kit, known token',
  'fast-jwt cached': 'fast-jwt, known token',
}

/** The kit against the signature check that nobody can do without, and against the libraries a partner would take. */
export async function verifyTopic({ quick, progress, start }: Stage): Promise<Section> {
  // More than either cache remembers (1,000), so that none is known when its turn comes again.
  const material = realisticTokens(quick ? 1_200 : 3_000)
  const hot = quick ? 50 : 200
  const rounds = quick ? 2 : 15
  const milliseconds = quick ? 10 : 400
  const performer = await start('verify')
  await performer.ask('prepare', material)
  const oddities = await odditiesOf(performer, material)
  const run = (contender: Contender, span: number) => {
    const tokens = cached.some(name => name === contender) ? hot : material.tokens.length
    return performer.ask<Ran>('run', { contender, milliseconds: span, tokens })
  }
  progress('verify: warming up')
  for (const contender of contenders) await run(contender, milliseconds * 2)
  const found = await interleaved(contenders, rounds, (contender, round) => {
    if (contender === contenders[round % contenders.length]) progress(`verify: round ${round + 1} of ${rounds}`)
    return run(contender, milliseconds)
  })
  await performer.stop()
  const distinct = material.tokens.length.toLocaleString('en-US')
  const note = `${distinct} distinct tokens of ${material.tokens[0]?.length ?? 0} characters, ${hot} of them where they are known; each call gets its token as new text. Medians of ${rounds} interleaved rounds (lowest–highest).`
  return sectionOf(found, oddities, note)
}

/** What each verifier takes for good of tokens that it should not. */
async function odditiesOf(performer: Performer, { odd }: Tokens): Promise<Grid> {
  const taken = new Map<Contender, string[]>()
  for (const contender of judges) taken.set(contender, await performer.ask<string[]>('judge', { contender, odd }))
  return {
    columns: ['signed by the right key, but', ...judges],
    rows: odd.map(({ oddity }) => [
      oddity,
      ...judges.map(judge => (taken.get(judge)?.includes(oddity) ? 'taken' : 'refused')),
    ]),
  }
}

function sectionOf(found: Found, oddities: Grid, note: string): Section {
  const rates = (name: Contender) => found[name].map(({ perSecond }) => perSecond)
  const row = (name: Contender, floor: Contender) => [
    names[name],
    spread(spreadOf(rates(name))),
    number(spreadOf(found[name].map(({ microseconds }) => microseconds)).median),
    number(spreadOf(found[name].map(ran => ran.processorMicroseconds)).median),
    times(ratioOf(rates(name), rates(floor))),
  ]
  const columns = (floor: string) => ['', 'verifications a second', 'µs each', 'CPU µs each', `against ${floor}`]
  return {
    topic: 'verify',
    tables: [
      { columns: columns('`crypto.verify`'), rows: [...plain, ...missed].map(name => row(name, 'raw')) },
      { columns: columns("fast-jwt's cache"), rows: cached.map(name => row(name, 'fast-jwt cached')) },
      oddities,
    ],
    targets: [
      {
        name: 'partner kit without cache against `crypto.verify` alone',
        measured: ratioOf(rates('kit'), rates('raw')).median,
        limit: 0.9,
        bound: 'at least',
        unit: ' ×',
      },
      {
        name: "partner kit with cache against fast-jwt's cache",
        measured: ratioOf(rates('kit cached'), rates('fast-jwt cached')).median,
        limit: 3,
        bound: 'at least',
        unit: ' ×',
      },
    ],
    notes: [note],
  }
}
