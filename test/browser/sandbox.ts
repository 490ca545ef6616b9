import { freePort } from '../../functions/local/engine.ts'
import { type Sandbox, startSandbox } from '../../functions/local/sandbox.ts'

/** A sandbox as `npm start` composes it. A port that was free may be taken by the time it is used. */
export async function sandboxOnFreePorts(attempts = 3): Promise<Sandbox> {
  const ids = ['youku', 'xiami', 'eleme', 'fliggy'] as const
  const [port = 0, identityPort = 0, ...rest] = await distinctPorts(2 + ids.length)
  const partnerPorts = Object.fromEntries(ids.map((id, index) => [id, rest[index] ?? 0]))
  const quiet = () => undefined
  const choice = engineChoice()
  return startSandbox({
    port,
    identityPort,
    partnerPorts,
    engine: choice ? { choice } : {},
    log: quiet,
    progress: quiet,
  }).catch(error => {
    if (attempts > 1 && /cannot be used|is taken/.test(String(error))) return sandboxOnFreePorts(attempts - 1)
    throw error
  })
}

function engineChoice(): 'dynoxide' | 'dynamodb-local' | undefined {
  const choice = process.env['TESSERA_ENGINE']
  return choice === 'dynoxide' || choice === 'dynamodb-local' ? choice : undefined
}

async function distinctPorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}
