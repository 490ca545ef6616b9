import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { CloseExecution } from '../../schemas/close-task.ts'
import { hashOf } from '../kernel/canonical.ts'

type Machine = {
  /** Its ARN, which also tells where Step Functions is. */
  machine: string
  /** Of a local stand-in. */
  endpoint?: string
}

const answerMilliseconds = 10_000
const target = 'AWSStepFunctions.StartExecution'

/** What tells one time that a close was asked for from every other. */
export type AskedClose = CloseExecution & { requests: number; identity: string; cutoffAt: string }

/**
 * The name of the execution for it, of 80 characters at most: a record that comes twice names the same one, and whoever
 * asks again gets one of their own, as does a close of a table that was restored or made anew.
 */
export function executionName({ programme, period, requests, identity, cutoffAt }: AskedClose): string {
  const hash = hashOf({ programme, period, requests, identity, cutoffAt }).slice(0, 20)
  return `${`${programme.slice(0, 40)}_${period}_${requests}`.slice(0, 59)}_${hash}`
}

/**
 * Starts an execution of the state machine of closes. To start one of the same name again changes nothing, whether it
 * still runs or ended within 90 days. It is one small request, of the same protocol as DynamoDB's: the signer of that
 * client signs it, and no further client is carried. Whoever calls repeats it when it fails.
 * @returns whether it was started, or there already
 * @throws Error with the status and the kind of the error when Step Functions does not take it
 */
export async function startCloseMachine(
  { machine, endpoint }: Machine,
  name: string,
  execution: CloseExecution,
): Promise<'started' | 'exists'> {
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
  if (answer.ok) return 'started'
  if (text.includes('ExecutionAlreadyExists')) return 'exists'
  const kind = /"__type"\s*:\s*"([\w.#]{1,200})"/.exec(text)?.[1] ?? 'no error that it knows'
  throw new Error(`Step Functions did not start ${name}: status ${answer.status}, ${kind}`)
}
