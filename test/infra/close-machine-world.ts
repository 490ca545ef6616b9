import { type AttributeValue, BatchWriteItemCommand, paginateScan } from '@aws-sdk/client-dynamodb'
import type { Template } from 'aws-cdk-lib/assertions'
import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions'
import { connect, type Services } from '../../functions/connect.ts'
import { closeTasks } from '../../functions/consume-close.ts'
import { settlementNeeds, usageNeeds } from '../../functions/gateway-needs.ts'
import { hashOf } from '../../functions/kernel/canonical.ts'
import { dynamoDbClient, openTable } from '../../functions/kernel/table.ts'
import { partners, programme } from '../../functions/local/demo.ts'
import type { CloseSizes } from '../../functions/reconciliation/close-spill.ts'
import { requestClose } from '../../functions/settlement/close.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { entitlementsAt, generatedLines, livedMonth, receivedAt } from '../settlement/generated-month.ts'
import { freshTable } from '../support/table.ts'

export const closing = { programme: programme.id, period: '2026-10' as Period }
const vaultKey = Buffer.alloc(32, 7)
const wallNow = () => '2026-11-02T00:00:00Z' as Instant
const localAccess = { region: 'us-east-1', credentials: { accessKeyId: 'local', secretAccessKey: 'local' } }

type Definition = StateMachineDefinition & { States: Record<string, State> }
type State = { Type: string; Resource?: string; Next?: string; ItemProcessor?: Definition; Retry?: object[] }

export type { Definition, State }

/** The definition of the one state machine, each Lambda's ARN made of its logical id. */
export function definitionOf(template: Template): Definition {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'))
  const parts = (machine?.['Properties'].DefinitionString['Fn::Join'][1] ?? []) as (
    | string
    | { 'Fn::GetAtt': [string, 'Arn'] }
  )[]
  const text = parts.map(part =>
    typeof part === 'string' ? part : `arn:aws:lambda:us-east-1:111122223333:function:${part['Fn::GetAtt'][0]}`,
  )
  return JSON.parse(text.join('')) as Definition
}

/** All task states by name, those inside of maps too. */
export function tasksOf(definition: Definition): Map<string, State> {
  return new Map(
    Object.entries(definition.States).flatMap(([name, state]) =>
      state.ItemProcessor ? [...tasksOf(state.ItemProcessor)] : state.Type === 'Task' ? [[name, state]] : [],
    ),
  )
}

/** A month that is cut off, in a table of its own: two partners report 200 lines, the others 40. */
export async function cutMonth() {
  const { services, clock } = await livedMonth(4, vaultKey)
  clock.moveTo(receivedAt)
  for (const [index, { id: partner }] of partners.entries()) {
    const count = index % 2 === 0 ? 200 : 40
    const lines = generatedLines(partner, await entitlementsAt(services, partner), count, 40 + index)
    for (let start = 0; start < lines.length; start += 60) {
      const body = Buffer.from(`${lines.slice(start, start + 60).join('\n')}\n`)
      await receiveBatch(usageNeeds(services), { partner, body, mediaType: 'application/x-ndjson' })
    }
  }
  await requestClose(settlementNeeds(services), closing)
  const at = clock.now()
  return { services, now: () => at }
}

type Month = Awaited<ReturnType<typeof cutMonth>>

/** The same month in another table, behind `endpoint` if that is given; clocks stand still, so that copies are alike. */
export async function copyOf(
  { services, now }: Month,
  endpointOf = async (engine: string) => engine,
  sizes?: CloseSizes,
) {
  const { tableName, endpoint } = await freshTable()
  const client = dynamoDbClient({ ...localAccess, endpoint })
  const puts = (await itemsOf(services.config.DYNAMODB_ENDPOINT ?? '', services.config.TABLE_NAME)).map(Item => ({
    PutRequest: { Item: Item as Record<string, AttributeValue> },
  }))
  for (let start = 0; start < puts.length; start += 25)
    await client.send(new BatchWriteItemCommand({ RequestItems: { [tableName]: puts.slice(start, start + 25) } }))
  const table = openTable(dynamoDbClient({ ...localAccess, endpoint: await endpointOf(endpoint) }), tableName)
  const config = { ...services.config, TABLE_NAME: tableName, DYNAMODB_ENDPOINT: endpoint }
  const heard: string[] = []
  const log: Services['log'] = (level, event) => void heard.push(`${level} ${event}`)
  const copy = connect(config, { table, vault: developmentVault(vaultKey), now, wallNow, log })
  return { services: { ...copy, ...(sizes && { sizes }) }, heard, items: () => itemsOf(endpoint, tableName) }
}

type Item = Record<string, { S?: string }>
async function itemsOf(endpoint: string, TableName: string): Promise<Item[]> {
  const found: Item[] = []
  const client = dynamoDbClient({ ...localAccess, endpoint })
  for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true }))
    found.push(...(Items as Item[]))
  return found
}

/** What two closes of the same inputs must have in common: all but what is kept for a week, and signatures. */
export const lasting = (items: Item[]): string[] =>
  items
    .filter(({ pk, sk }) => !pk?.S?.startsWith('SPILL#') && sk?.S !== 'TOKEN')
    .map(item => `${item['pk']?.S} ${item['sk']?.S} ${hashOf(plain(item))}`)
    .sort()

/** Bytes as text. An engine gives the entries of a map in any order, to which the hash is blind. */
const plain = (item: Item): Item =>
  JSON.parse(
    JSON.stringify(item, (_, value: unknown) => (value instanceof Uint8Array ? [...value].join() : value)),
  ) as Item

export type Call = { state: string; task: Record<string, unknown> }

/** Runs the definition, each task by the handler of the Lambda `close`; `before` may fail one. */
export async function execute(
  definition: Definition,
  services: Services,
  before: (call: Call) => void | Promise<void> = () => undefined,
) {
  const handle = closeTasks(services)
  const calls: Call[] = []
  const names = [...tasksOf(definition).keys()]
  const handlers = names.map(state => [
    state,
    async (task: Record<string, unknown>) => {
      calls.push({ state, task })
      await before({ state, task })
      // As it goes over the wire.
      return JSON.parse(JSON.stringify(await handle(JSON.parse(JSON.stringify(task)))))
    },
  ])
  const entered: string[] = []
  const execution = new StateMachine(definition as StateMachineDefinition).run(closing, {
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(handlers),
      retryIntervalOverrides: Object.fromEntries(names.map(state => [state, 1])),
    },
  })
  const following = (async () => {
    for await (const event of execution.eventLogs)
      if (event.type === 'StateEntered' && event.index === undefined) entered.push(event.state.name)
  })()
  const outcome = await execution.result.then(
    () => undefined,
    (error: unknown) => String(error),
  )
  await following
  return { failure: outcome, calls, entered }
}
