import { parseArgs, styleText } from 'node:util'
import { silentLog } from '../kernel/log.ts'
import { partners } from './demo.ts'
import { freePort } from './engine.ts'
import { startSandbox } from './sandbox.ts'
import { tellStory } from './story-chapters.ts'
import { NotAsExpected } from './story-client.ts'

const help = `npm run story: the whole of Tessera from outside, over HTTP only.

  --gateway <address>   a running gateway (npm start); http://localhost:8787 unless given.
                        Where none answers there, one is started for the story and stopped after it.
`

const answers = (gateway: string): Promise<boolean> =>
  fetch(`${gateway}/health`, { signal: AbortSignal.timeout(2_000) }).then(
    response => response.ok,
    () => false,
  )

/** A gateway of the story's own on free ports, so that it disturbs nobody. */
async function ownGateway(progress: (line: string) => void) {
  const partnerPorts: Record<string, number> = {}
  for (const { id } of partners) partnerPorts[id] = await freePort()
  const [port, identityPort] = [await freePort(), await freePort()]
  return startSandbox({ port, identityPort, partnerPorts, log: silentLog, progress })
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { gateway: { type: 'string' }, help: { type: 'boolean', short: 'h' } } })
  const write = (text: string) => void process.stdout.write(text)
  if (values.help) return write(help)
  const asked = values.gateway ?? 'http://localhost:8787'
  const running = await answers(asked)
  if (!running && values.gateway) throw new NotAsExpected(`no gateway answers at ${asked}: start one with npm start`)
  if (!running) write('no gateway is running: starting one for the story\n')
  const sandbox = running ? undefined : await ownGateway(line => write(`  ${line}\n`))
  try {
    await tellStory(sandbox?.issuer ?? asked, write)
    write(styleText(['bold', 'green'], '\nthe story ended well\n'))
  } finally {
    await sandbox?.stop()
  }
}

main().catch((error: unknown) => {
  const told = error instanceof NotAsExpected ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`\n${styleText('red', 'not as it must be')}: ${told}\n`)
  process.exitCode = 1
})
