import { Buffer } from 'node:buffer'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Listening {
  /** `http://localhost:<port>` */
  readonly url: string
  /** Ends open connections too; may be called twice. */
  close(): Promise<void>
}

/** Answers a GET of `path`, which begins with a slash and carries no query. */
export type AnswerPath = (path: string) => Response

/**
 * A server that only this machine can reach.
 * @throws Error that names the port when it cannot listen
 */
export async function listenOnLoopback(answer: AnswerPath, port: number): Promise<Listening> {
  const server = createServer((request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?', 1)
    const read = request.method === 'GET' || request.method === 'HEAD'
    const given = read
      ? answer(path)
      : new Response('Only GET here\n', { status: 405, headers: { allow: 'GET, HEAD' } })
    given.arrayBuffer().then(
      body => response.writeHead(given.status, Object.fromEntries(given.headers)).end(Buffer.from(body)),
      () => response.destroy(),
    )
  })
  const url = `http://localhost:${await open(server, port)}`
  return {
    url,
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function open(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'is taken: stop what uses it, or choose another' : `: ${error.message}`
      reject(new Error(`Port ${port} ${why}`, { cause: error }))
    })
    server.listen(port, 'localhost', () => resolve((server.address() as AddressInfo).port))
  })
}
