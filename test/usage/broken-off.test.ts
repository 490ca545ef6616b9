import { type AddressInfo, connect } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { usageHead } from '../../functions/usage/read.ts'
import { gatewayWorld } from '../support/gateway.ts'

let world: Awaited<ReturnType<typeof gatewayWorld>>
let server: ServerType
let port: number
beforeAll(async () => {
  world = await gatewayWorld()
  port = await new Promise(resolve => {
    server = serve({ fetch: world.app.fetch, port: 0, hostname: '127.0.0.1' }, info =>
      resolve((info as AddressInfo).port),
    )
  })
})
afterAll(() => new Promise<void>(resolve => void server.close(() => resolve())))

/** Sends the beginning of a chunked body and breaks the connection once the server has begun to read. */
async function breakOff(path: string, client: string, type: string): Promise<void> {
  const token = await world.tokenOf(client)
  const head = [
    `POST ${path} HTTP/1.1`,
    'host: gateway',
    `authorization: Bearer ${token}`,
    `content-type: ${type}`,
    'transfer-encoding: chunked',
  ]
  const socket = connect(port, '127.0.0.1')
  await new Promise<void>(sent => socket.write(`${head.join('\r\n')}\r\n\r\n5\r\n{"id"\r\n`, () => sent()))
  await new Promise(soon => setTimeout(soon, 200))
  socket.destroy()
}

test.each([
  ['/v1/usage-batches', 'youku', 'application/x-ndjson'],
  ['/v1/redemptions', 'youku', 'application/json'],
])('a chunked body to %s that breaks off is the sender’s affair', async (path, client, type) => {
  const before = world.lines.length
  await breakOff(path, client, type)
  const answered = () =>
    world.lines.slice(before).filter(line => line.includes('"answered"') && !line.includes('/oauth/token'))
  while (answered().length === 0) await new Promise(soon => setTimeout(soon, 20))
  expect(world.lines.slice(before).filter(line => line.includes('"error"'))).toEqual([])
  expect(answered().map(line => JSON.parse(line).status)).toEqual([400])
  expect(await usageHead(world.services, 'youku')).toBeUndefined()
})
