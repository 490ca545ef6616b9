import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { z } from 'zod'
import type { Call, Permit } from './policy.ts'

const StartExecution = z.strictObject({
  stateMachineArn: z.string(),
  name: z.string().regex(/^[\w-]{1,80}$/),
  input: z.string(),
})
export type States = {
  endpoint: string
  machine: string
  /** Those that were started, in their order. */
  executions: { name: string; input: unknown }[]
  refused: Call[]
  failNext: () => void
  stop: () => Promise<void>
}

/**
 * Step Functions as far as an execution is started: a name is taken once, then told to exist. Signatures are not checked
 * but for whose they are and for which service; `permitFor` stands for IAM.
 */
export async function startStates(permitFor: (caller: string) => Permit): Promise<States> {
  const machine = 'arn:aws:states:eu-central-1:111122223333:stateMachine:close'
  const executions: States['executions'] = []
  const refused: Call[] = []
  let failing = false
  const answerTo = (authorization: string, target: string, body: string): [number, object] => {
    const [, caller = '', scope] = /Credential=([^/]+)\/\d{8}\/([\w/-]+),/.exec(authorization) ?? []
    const call = { action: `states:${target.split('.')[1]}`, conditionKeys: {} }
    if (scope !== 'eu-central-1/states/aws4_request' || !permitFor(caller)(call)) {
      refused.push(call)
      return [400, { __type: 'AccessDeniedException' }]
    }
    if (failing) {
      failing = false
      return [500, { __type: 'InternalFailure' }]
    }
    const { stateMachineArn, name, input } = StartExecution.parse(JSON.parse(body))
    if (stateMachineArn !== machine) return [400, { __type: 'StateMachineDoesNotExist' }]
    if (executions.some(one => one.name === name)) return [400, { __type: 'ExecutionAlreadyExists' }]
    executions.push({ name, input: JSON.parse(input) as unknown })
    return [200, { executionArn: `${machine}:${name}`, startDate: 1_795_262_400 }]
  }
  const server = createServer(async (request, response) => {
    const body = (await buffer(request)).toString()
    const [status, answer] = answerTo(
      request.headers.authorization ?? '',
      String(request.headers['x-amz-target']),
      body,
    )
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(answer))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    machine,
    executions,
    refused,
    failNext: () => {
      failing = true
    },
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
