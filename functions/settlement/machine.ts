import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { CloseExecution } from '../../schemas/close-task.ts'

type Machine = {
  /** Its ARN, which also tells where Step Functions is. */
  machine: string
  /** Of a local stand-in. */
  endpoint?: string
}

const answerMilliseconds = 10_000
const target = 'AWSStepFunctions.StartExecution'

/**
 * Starts an execution of the state machine of closes. To start one of the same name again changes nothing, whether it
 * still runs or ended within 90 days. It is one small request, of the same protocol as DynamoDB's: the signer of that
 * client signs it, and no further client is carried. Whoever calls repeats it when it fails.
 * @throws Error with the status and the kind of the error when Step Functions does not take it
 */
export async function startCloseMachine(
  { machine, endpoint }: Machine,
  name: string,
  execution: CloseExecution,
): Promise<void> {
  const [, partition, , region = ''] = machine.split(':')
  const host = `states.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`
  const url = new URL(endpoint ?? `https://${host}`)
  const body = JSON.stringify({ stateMachineArn: machine, name, input: JSON.stringify(execution) })
  const signer = await new DynamoDBClient({ region }).config.signer()
  const { headers } = await signer.sign(
    {
      method: 'POST',
      protocol: url.protocol,
      hostname: url.hostname,
      ...(url.port && { port: Number(url.port) }),
      path: '/',
      query: {},
      headers: { host: url.host, 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target },
      body,
    },
    { signingService: 'states', signingRegion: region },
  )
  const { host: _host, ...sent } = headers
  const signal = AbortSignal.timeout(answerMilliseconds)
  const answer = await fetch(url, { method: 'POST', headers: sent, body, signal, redirect: 'error' })
  const text = (await answer.text()).slice(0, 2_000)
  if (answer.ok || text.includes('ExecutionAlreadyExists')) return
  const kind = /"__type"\s*:\s*"([\w.#]{1,200})"/.exec(text)?.[1] ?? 'no error that it knows'
  throw new Error(`Step Functions did not start ${name}: status ${answer.status}, ${kind}`)
}
