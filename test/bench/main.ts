import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { isMet, machine, markdownOf, pageWith, type Section, type Topic, terminalOf, topics } from './report.ts'
import { openStage, type Stage } from './stage.ts'

const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))
/** Loaded when their turn comes: what one topic needs, no other waits for. */
const runs: Record<Topic, (stage: Stage) => Promise<Section>> = {
  verify: async stage => (await import('./verify.ts')).verifyTopic(stage),
  mint: async stage => (await import('./mint.ts')).mintTopic(stage),
  bundle: async stage => (await import('./bundle.ts')).bundleTopic(stage),
  status: async stage => (await import('./status.ts')).statusTopic(stage),
  ingest: async stage => (await import('./ingest.ts')).ingestTopic(stage),
  reconcile: async stage => (await import('./reconcile.ts')).reconcileTopic(stage),
  close: async stage => (await import('./close.ts')).closeTopic(stage),
}

const help = `npm run bench -- [options]

Measures everything side by side in one run, prints the figures and writes them into docs/benchmarks.md.
A missed target is said, and is no failure: the exit code tells only whether the bench itself worked.

  --only <topics>   some of ${topics.join(',')}, with commas
  --quick           seconds instead of minutes, to see that it works; writes no page unless --out names one
  --out <file>      the page whose sections are replaced; docs/benchmarks.md by default
  --help            this text
`

const options = {
  only: { type: 'string' },
  quick: { type: 'boolean', default: false },
  out: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

/** @throws Error that says which argument is wrong */
function asked(): { chosen: Topic[]; quick: boolean; out: string | undefined; help: boolean } {
  const { values } = parseArgs({ options })
  const named = values.only?.split(',').map(name => name.trim()) ?? topics
  const unknown = named.filter(name => !topics.some(topic => topic === name))
  if (unknown.length > 0) throw new Error(`--only: no topic ${unknown.join(', ')}; there are ${topics.join(', ')}`)
  const out = values.out ?? (values.quick ? undefined : page)
  return { chosen: topics.filter(topic => named.includes(topic)), quick: values.quick, out, help: values.help }
}

async function bench(chosen: readonly Topic[], quick: boolean, out: string | undefined): Promise<void> {
  const started = new Date()
  const stage = openStage({ quick, progress: line => console.error(line) })
  const interrupt = (signal: NodeJS.Signals) => {
    void stage.end().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143))
  }
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  try {
    const sections: Section[] = []
    for (const topic of chosen) sections.push(await runs[topic](stage))
    console.log(machine(started))
    for (const section of sections) console.log(terminalOf(section))
    const missed = sections.flatMap(section => section.targets).filter(target => !isMet(target))
    console.log(missed.length === 0 ? '\nEvery target is met.' : `\nTargets missed: ${missed.length}.`)
    if (out === undefined) return console.log('A quick run: no page is written.')
    const texts = new Map(sections.map(section => [section.topic, markdownOf(section, started, quick)]))
    writeFileSync(out, pageWith(existsSync(out) ? readFileSync(out, 'utf8') : '', texts))
    console.log(`Written: ${out}`)
  } finally {
    await stage.end()
  }
}

try {
  const { chosen, quick, out, help: wantsHelp } = asked()
  if (wantsHelp) console.log(help)
  else await bench(chosen, quick, out)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
