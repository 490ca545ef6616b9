import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { Config } from '../../schemas/config.ts'
import { connect, type Services } from '../connect.ts'
import { consumeChanges, fireTimers, settleChanges } from '../consume.ts'
import { wholeGateway } from '../gateway-whole.ts'
import { systemNow } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { dynamoDbClient } from '../kernel/table.ts'
import type { App } from '../kernel/validate.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { developmentVault } from '../tokens/vault.ts'
import { demoAccounts } from './accounts.ts'
import { rememberedClock } from './clock.ts'
import { createTable } from './create-table.ts'
import { openDataFolder } from './data-folder.ts'
import { clientSecret, identityDisplay, identityPort, partners, people, programme, relyingParty } from './demo.ts'
import { type EngineOptions, localAccess, startEngine } from './engine.ts'
import { openidProvider } from './openid.ts'
import { startPartnerPlatform } from './partner-platform.ts'
import { clockRoutes } from './routes.ts'
import { seed, seedStart } from './seed.ts'
import { followStream } from './stream.ts'

export type SandboxOptions = {
  port: number
  /** Ports of the identity provider and the partners, where the usual ones are taken. */
  identityPort?: number
  partnerPorts?: Record<string, number>
  dataFolder?: string | undefined
  engine?: Pick<EngineOptions, 'endpoint' | 'choice'>
  log: Log
  progress: (line: string) => void
}
export type Sandbox = {
  issuer: string
  identityIssuer: string
  partnerIssuers: Record<string, string>
  engine: string
  stop(): Promise<void>
}

const tableName = 'tessera'
const timerMilliseconds = 5_000

/** Everything of `npm start` in one process: engine, gateway, identity provider, partner platforms, seeded history. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    return await startAll(options, stops, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function startAll(
  options: SandboxOptions,
  stops: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Sandbox> {
  const { port, dataFolder, log, progress } = options
  const issuer = `http://localhost:${port}`
  const identityIssuer = `http://localhost:${options.identityPort ?? identityPort}`
  const ports = (id: string, usual: number) => options.partnerPorts?.[id] ?? usual
  const partnerIssuers = Object.fromEntries(
    partners.map(({ id, port: usual }) => [id, `http://localhost:${ports(id, usual)}`]),
  )

  // Without a folder everything is gone with the process, its key too.
  const vaultKey = dataFolder ? openDataFolder(dataFolder) : randomBytes(32)
  progress('starting the DynamoDB engine')
  const engine = await startEngine({ ...options.engine, ...(dataFolder && { dataFolder }), log: progress })
  stops.push(() => engine.stop())
  await createTable(dynamoDbClient({ endpoint: engine.endpoint, ...localAccess }), tableName)

  const present = systemNow()
  const clock = rememberedClock(dataFolder, seedStart(present))
  const services = connect(configOf(issuer, identityIssuer, engine.endpoint), {
    vault: developmentVault(vaultKey),
    now: clock.now,
    log,
  })
  if (!(await isSeeded(services))) await seed({ services, clock, identityIssuer, partnerIssuers, present, progress })

  const follower = followStream({
    endpoint: engine.endpoint,
    tableName,
    onRecords: async event => {
      await consumeChanges(services, event)
      await settleChanges(services, event)
    },
  })
  stops.push(() => follower.stop())
  stops.push(await startTimers(services))
  stops.push(await listen(await identityProvider(identityIssuer, issuer), Number(new URL(identityIssuer).port)))
  for (const { id, port: usual, display, clientAuthentication } of partners) {
    const platform = await startPartnerPlatform({
      id,
      display,
      port: ports(id, usual),
      gateway: issuer,
      client: { id, secret: clientSecret(id) },
      linkAuthentication: clientAuthentication,
      now: clock.now,
      accounts: demoAccounts(),
      log,
    })
    stops.push(() => platform.stop())
  }
  const catchUp = async () => {
    await fireTimers(services)
    await follower.idle()
  }
  const app = wholeGateway(services)
  app.route('/', clockRoutes({ clock, catchUp }))
  stops.push(await listen(createServer(getRequestListener(answering(app))), port))
  return { issuer, identityIssuer, partnerIssuers, engine: engine.name, stop }
}

/** A refusal may come before the body was read: the rest of it would be taken for the next request. */
const answering =
  (app: App) =>
  async (request: Request): Promise<Response> => {
    const response = await app.fetch(request)
    if (request.body && !request.bodyUsed) response.headers.set('connection', 'close')
    return response
  }

const configOf = (issuer: string, identityIssuer: string, endpoint: string): Config =>
  Config.parse({
    TABLE_NAME: tableName,
    ISSUER: issuer,
    IDENTITY_ISSUER: identityIssuer,
    IDENTITY_CLIENT_ID: relyingParty.id,
    IDENTITY_CLIENT_SECRET: relyingParty.secretAt('identity'),
    ALLOW_LOOPBACK: 'true',
    DYNAMODB_ENDPOINT: endpoint,
  })

const isSeeded = (services: Services): Promise<boolean> =>
  findProgramme(services, programme.id).then(
    () => true,
    () => false,
  )

async function startTimers(services: Services): Promise<() => Promise<void>> {
  const timer = setInterval(() => {
    fireTimers(services).catch(() => services.log('warn', 'timers-failed'))
  }, timerMilliseconds)
  return async () => clearInterval(timer)
}

async function identityProvider(identityIssuer: string, issuer: string): Promise<Server> {
  const provider = openidProvider({
    issuer: identityIssuer,
    accounts: demoAccounts(people),
    display: identityDisplay,
    clients: [
      {
        client_id: relyingParty.id,
        client_secret: relyingParty.secretAt('identity'),
        redirect_uris: [`${issuer}/sign-in/callback`],
        post_logout_redirect_uris: [`${issuer}/`],
        client_name: 'Tessera',
      },
    ],
  })
  return createServer((request, response) => void provider.listener(request, response))
}

/** @returns what stops it again, open connections included */
async function listen(server: Server, port: number): Promise<() => Promise<void>> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', error =>
      reject(new Error(`port ${port} cannot be used (${error.message}): stop what uses it, or set PORT`)),
    )
    server.listen(port, 'localhost', resolve)
  })
  return () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
}
