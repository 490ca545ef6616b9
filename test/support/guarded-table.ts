import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Call, Permit } from './policy.ts'

type Attributes = { pk?: { S: string } }
type One = { Item?: Attributes; Key?: Attributes; IndexName?: string }
type Transaction = { TransactItems: Record<string, One>[] }

export type GuardedTable = { endpoint: string; refused: Call[]; stop: () => Promise<void> }

/** The DynamoDB engine behind a role's policy, which engines do not know: what AWS would refuse is refused here. */
export async function guardTable(engine: string, permit: Permit): Promise<GuardedTable> {
  const refused: Call[] = []
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? ''
    const bad = callsOf(operation, JSON.parse(body.toString())).filter(call => !permit(call))
    refused.push(...bad)
    response.setHeader('content-type', 'application/x-amz-json-1.0')
    if (bad.length > 0) {
      response.statusCode = 400
      response.end(JSON.stringify({ __type: 'com.amazon.coral.service#AccessDeniedException', message: operation }))
      return
    }
    const headers = Object.entries(request.headers).filter(([name]) => !hopByHop.has(name))
    const answer = await fetch(engine, { method: 'POST', headers: headers as [string, string][], body })
    response.statusCode = answer.status
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refused,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const hopByHop = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'expect'])

/** The permissions an operation needs: a transaction needs those of its parts. */
function callsOf(operation: string, input: One & Partial<Transaction>): Call[] {
  if (input.TransactItems)
    return input.TransactItems.flatMap(part =>
      Object.entries(part).map(([kind, one]) =>
        call(kind === 'ConditionCheck' ? 'ConditionCheckItem' : `${kind}Item`, one),
      ),
    )
  return [call(operation, input)]
}

const call = (operation: string, { Item, Key, IndexName }: One): Call => {
  const leading = (Item ?? Key)?.pk?.S
  return {
    action: `dynamodb:${operation}`,
    ...(IndexName && { part: `/index/${IndexName}` }),
    conditionKeys: { 'dynamodb:LeadingKeys': leading === undefined ? [] : [leading] },
  }
}
