import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** @returns the port of the server, which lives as long as its process */
export async function listening(listener: RequestListener): Promise<number> {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
