import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export type RecordedCall = {
  operation: string
  input: Record<string, unknown>
  answer: { ConsumedCapacity?: { CapacityUnits: number } } & Record<string, unknown>
}

/** The DynamoDB engine behind a wire that is listened to: every request is kept, and asked what it costs. */
export async function recordTable(engine: string) {
  const calls: RecordedCall[] = []
  const server = createServer(async (request, response) => {
    const input = JSON.parse((await buffer(request)).toString()) as Record<string, unknown>
    const headers = Object.entries(request.headers).filter(([name]) => !hopByHop.has(name)) as [string, string][]
    const body = JSON.stringify({ ...input, ReturnConsumedCapacity: 'TOTAL' })
    const answered = await fetch(engine, { method: 'POST', headers, body })
    const text = await answered.text()
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? ''
    calls.push({ operation, input, answer: JSON.parse(text) as RecordedCall['answer'] })
    response.statusCode = answered.status
    response.setHeader('content-type', 'application/x-amz-json-1.0')
    response.end(text)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    /** What was asked while the work was done. */
    async during(work: () => Promise<unknown>): Promise<RecordedCall[]> {
      const from = calls.length
      await work()
      return calls.slice(from)
    },
    stop: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const hopByHop = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'expect', 'accept-encoding'])
