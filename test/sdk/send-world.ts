import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@hono/node-server'
import { connect } from '../../functions/connect.ts'
import { wholeGateway } from '../../functions/gateway-whole.ts'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { jsonLog } from '../../functions/kernel/log.ts'
import { clientSecret, clients } from '../../functions/local/demo.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { eachLine, usageHead } from '../../functions/usage/read.ts'
import { freshTable } from '../support/table.ts'
import { command, start } from './send-process.ts'

/** The whole gateway on loopback HTTP, with a proxy before it in which requests for batches may meet with faults. */
export async function sendWorld() {
  const { table, tableName } = await freshTable()
  let app: ReturnType<typeof wholeGateway> | undefined
  const server = serve({ fetch: request => app?.fetch(request) ?? new Response(null, { status: 503 }), port: 0 })
  await new Promise<void>(ready => (server.listening ? ready() : server.once('listening', ready)))
  const direct = `http://localhost:${(server.address() as AddressInfo).port}`
  const proxy = await faultyProxy(direct)
  const logged: string[] = []
  const config = {
    TABLE_NAME: tableName,
    ISSUER: proxy.url,
    IDENTITY_ISSUER: 'https://identity.invalid',
    IDENTITY_CLIENT_ID: 'tessera',
    ALLOW_LOOPBACK: true,
    AWS_REGION: 'us-east-1',
  }
  const log = jsonLog(line => logged.push(line))
  const services = connect(config, { table, vault: developmentVault(), log })
  app = wholeGateway(services)
  for (const client of clients)
    await saveClient(services, {
      ...client,
      authentication: 'client_secret_basic',
      secretHash: sha256(clientSecret(client.id)),
    })
  const folder = await mkdtemp(join(tmpdir(), 'tessera-send-'))

  /** Everything that youku has stored, in the order of its chain. */
  async function stored() {
    const lines = []
    for await (const line of eachLine(services, { partner: 'youku' })) lines.push(line)
    return lines
  }

  return {
    issuer: proxy.url,
    faults: proxy.faults,
    seen: proxy.seen,
    logged,
    path: (name: string) => join(folder, name),
    head: () => usageHead(services, 'youku'),
    stored,
    run: (...args: string[]) => command(args, { TESSERA_ISSUER: proxy.url, ...credentials }),
    start: (...args: string[]) => start(args, { TESSERA_ISSUER: proxy.url, ...credentials }),
    async [Symbol.asyncDispose]() {
      await proxy.close()
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export type SendWorld = Awaited<ReturnType<typeof sendWorld>>
const credentials = { TESSERA_CLIENT: 'youku', TESSERA_CLIENT_SECRET: clientSecret('youku') }

/** What happens to a request for a batch: `pass` sends it on and answers what came. */
export type ProxyFault = (pass: () => Promise<Response>, response: ServerResponse) => Promise<void>

export const answered =
  (status: number, headers: Record<string, string> = {}): ProxyFault =>
  async (_, response) =>
    void response.writeHead(status, headers).end()

/** The gateway commits, and its answer is lost on the way. */
export const answerLost: ProxyFault = async (pass, response) => {
  await pass()
  response.destroy()
}

/** Nobody ever answers, until the client gives up. */
export const silence: ProxyFault = async () => undefined

async function faultyProxy(target: string) {
  const faults: ProxyFault[] = []
  const seen: { readonly headers: IncomingMessage['headers']; readonly bytes: number }[] = []
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const body = Buffer.concat(parts)
    const { method = 'GET', url = '/' } = request
    const isBatch = url === '/v1/usage-batches'
    if (isBatch) seen.push({ headers: request.headers, bytes: body.length })
    const { host: _host, connection: _connection, 'content-length': _length, ...rest } = request.headers
    const headers = new Headers(Object.entries(rest).map(([name, value]) => [name, String(value)]))
    const pass = () => fetch(target + url, { method, headers, ...(method === 'POST' && { body }) })
    const fault = isBatch ? faults.shift() : undefined
    if (fault !== undefined) return fault(pass, response)
    const answer = await pass()
    const kept = [...answer.headers].filter(([name]) => !/^(content-encoding|content-length|connection)$/.test(name))
    response.writeHead(answer.status, Object.fromEntries(kept)).end(Buffer.from(await answer.arrayBuffer()))
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>(ready => server.listen(0, 'localhost', ready))
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    faults,
    seen,
    close: () =>
      new Promise<void>(closed => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}
