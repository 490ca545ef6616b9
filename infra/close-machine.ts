import { Duration, Stack, Validations } from 'aws-cdk-lib'
import { Alarm, ComparisonOperator, type Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { type IRole, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import {
  Chain,
  Choice,
  Condition,
  DefinitionBody,
  Fail,
  JitterType,
  JsonPath,
  LogLevel,
  Map as MapState,
  StateMachine,
  Succeed,
  TaskInput,
  type TaskStateBase,
  Timeout,
} from 'aws-cdk-lib/aws-stepfunctions'
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks'
import { Construct } from 'constructs'
import { type ChainStep, type CloseStep, CloseStep as CloseSteps, type CloseTask } from '../schemas/close-task.ts'
import type { Functions } from './lambdas.ts'

/**
 * An inline map runs 40 at once at most; a step has 64 parts at most (`chain-tasks.ts`), which are two rounds of these.
 *
 * An execution's history holds 25,000 events. A task makes 2 of its own and 3 for each attempt (scheduled, started,
 * failed), a part of a map 2 more. The worst that can happen: of 1 + 16 + 5 attempts at each task all but one fail.
 * 5 maps × 64 parts × (4 + 3 × 22) = 22,400, and 9 more tasks × (2 + 3 × 22) = 612: with what maps and the execution
 * itself add, some 23,050. `close-machine.test.ts` does this sum of the definition.
 */
const atOnce = 32
const attempts = { throttled: 16, failed: 5 }
const chainSteps: Record<ChainStep, string> = {
  shuffle: 'Shuffle',
  classify: 'Classify',
  match: 'Match',
  settle: 'Settle',
  members: 'CountMembers',
}
const closeSteps: Record<CloseStep, string> = {
  reconciled: 'Reconcile',
  rated: 'Rate',
  posted: 'Post',
  netted: 'Net',
  signed: 'Sign',
  published: 'Publish',
}

/**
 * Carries a close from its cutoff to its published statements: `docs/runbooks/close.md`. All it knows is the order; what
 * a task does, and that it may be repeated, is for the Lambda. It ends where something keeps failing, with the close left
 * where it stands.
 */
export function closeMachine(scope: Construct, functions: Pick<Functions, 'close' | 'settle'>): StateMachine {
  // A log group of this prefix needs no line of its own in the account's one policy for logs, which has little room.
  const logGroup = new LogGroup(scope, 'CloseMachineLog', {
    logGroupName: `/aws/vendedlogs/states/${Stack.of(scope).stackName}-close`,
    retention: RetentionDays.THREE_MONTHS,
  })
  const machine = new StateMachine(scope, 'CloseMachine', {
    comment: 'Closes a period of a programme',
    definitionBody: DefinitionBody.fromChainable(definition(new Construct(scope, 'CloseStates'), functions.close)),
    role: machineRole(scope, functions.close),
    timeout: Duration.hours(24),
    logs: { destination: logGroup, level: LogLevel.ALL, includeExecutionData: false },
    tracingEnabled: true,
  })
  // The consumer of the table's stream starts it: a reader of its own would be the third of each shard, which has room
  // for two.
  functions.settle.addEnvironment('CLOSE_MACHINE_ARN', machine.stateMachineArn)
  functions.settle.addToRolePolicy(
    new PolicyStatement({ actions: ['states:StartExecution'], resources: [machine.stateMachineArn] }),
  )
  alarm(scope, 'CloseFailed', machine.metricFailed(), 'A close failed')
  alarm(scope, 'CloseTimedOut', machine.metricTimedOut(), 'A close did not end within a day')
  return machine
}

function definition(scope: Construct, close: IFunction): Chain {
  const stopped = new Fail(scope, 'Stopped', {
    comment: 'The close stands where it stood. Asking for it again goes on from there.',
    errorPath: '$.failure.Error',
    causePath: '$.failure.Cause',
  })
  const make = (id: string, task: Pick<CloseTask, 'task'> & { to?: CloseStep }) =>
    caught(taskState(scope, { id, close, payload: { ...task, ...closing }, resultPath: JsonPath.DISCARD }), stopped)

  const judgeAnew = make('JudgeAnew', { task: 'judge-anew' })
  const done = new Succeed(scope, 'Done')
  const steps = CloseSteps.options.map(to => make(closeSteps[to], { task: 'advance', to }))
  const [reconcile] = steps
  const [shuffle, ...maps] = Object.entries(chainSteps).map(([step, id]) =>
    caught(chainMap(scope, { id, step: step as ChainStep, close }), stopped),
  )
  if (!reconcile || !shuffle) throw new Error('a close has steps')
  maps.reduce((before, map) => before.next(map) && map, shuffle).next(reconcile)
  steps.reduce((before, step) => (before === step ? before : before.next(step) && step), reconcile).next(judgeAnew)
  judgeAnew.next(done)

  const plan = taskState(scope, { id: 'Plan', close, payload: { task: 'plan', ...closing }, resultPath: '$.plan' })
  const verify = make('Verify', { task: 'verify' })
  verify.next(judgeAnew)
  const where = new Choice(scope, 'WhereItStands')
    .when(Condition.stringEquals('$.plan.state', 'published'), verify)
    .when(Condition.booleanEquals('$.plan.hasLargeChains', true), shuffle)
    .otherwise(reconcile)
  return Chain.start(caught(plan, stopped)).next(where)
}

const closing = {
  programme: JsonPath.stringAt('$.programme'),
  period: JsonPath.stringAt('$.period'),
}

type Task = { id: string; close: IFunction; payload: Record<string, unknown>; resultPath?: string }

/** What fails once may do better the next time: throttling, a lost connection, a Lambda that ran out of time. */
function taskState(scope: Construct, { id, close, payload, resultPath }: Task): LambdaInvoke {
  const task = new LambdaInvoke(scope, id, {
    lambdaFunction: close,
    payload: TaskInput.fromObject(payload),
    payloadResponseOnly: true,
    retryOnServiceExceptions: false,
    // A little more than the Lambda itself has.
    taskTimeout: Timeout.duration(Duration.seconds(930)),
    ...(resultPath !== undefined && { resultPath }),
  })
  // Repeating changes nothing about items that were tampered with, a release of other rules, or a task that is none.
  task.addRetry({ errors: ['Mismatch', 'OtherRatingVersion', 'ZodError'], maxAttempts: 0 })
  // Lambda did not take it or lost it, as it does where the account runs all that it may at once: some ten minutes.
  task.addRetry({
    errors: ['Lambda.TooManyRequestsException', 'Lambda.ServiceException', 'Lambda.SdkClientException'],
    interval: Duration.seconds(3),
    backoffRate: 2,
    maxAttempts: attempts.throttled,
    maxDelay: Duration.seconds(60),
    jitterStrategy: JitterType.FULL,
  })
  task.addRetry({
    errors: ['States.ALL'],
    interval: Duration.seconds(2),
    backoffRate: 3,
    maxAttempts: attempts.failed,
    maxDelay: Duration.minutes(3),
    jitterStrategy: JitterType.FULL,
  })
  return task
}

/** A step of all large chains, in parts: the next step begins when every part of this one is done. */
function chainMap(scope: Construct, { id, step, close }: { id: string; step: ChainStep; close: IFunction }): MapState {
  const item = (name: string) => JsonPath.stringAt(`$$.Map.Item.Value.${name}`)
  const number = (name: string) => JsonPath.numberAt(`$$.Map.Item.Value.${name}`)
  const map = new MapState(scope, id, {
    itemsPath: `$.plan.steps.${step}`,
    itemSelector: { ...closing, partner: item('partner'), from: number('from'), upTo: number('upTo') },
    maxConcurrency: atOnce,
    resultPath: JsonPath.DISCARD,
  })
  const part = {
    partner: JsonPath.stringAt('$.partner'),
    from: JsonPath.numberAt('$.from'),
    upTo: JsonPath.numberAt('$.upTo'),
  }
  return map.itemProcessor(
    taskState(scope, { id: `${id}Part`, close, payload: { task: 'chain-step', step, ...closing, ...part } }),
  )
}

function caught<State extends TaskStateBase | MapState>(state: State, stopped: Fail): State {
  state.addCatch(stopped, { resultPath: '$.failure' })
  return state
}

/** It may call the one Lambda. The construct would add its versions, which are none of it. */
function machineRole(scope: Construct, close: IFunction): IRole {
  const role = new Role(scope, 'CloseMachineRole', { assumedBy: new ServicePrincipal('states.amazonaws.com') })
  role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [close.functionArn] }))
  role.addToPolicy(new PolicyStatement({ actions: [...logDelivery, ...tracing], resources: ['*'] }))
  Validations.of(role).acknowledge({
    id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
    reason: 'Delivery of logs of a state machine, and traces, are granted for all resources or not at all.',
  })
  return role.withoutPolicyUpdates()
}

const logDelivery = [
  'logs:CreateLogDelivery',
  'logs:GetLogDelivery',
  'logs:UpdateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy',
  'logs:DescribeResourcePolicies',
  'logs:DescribeLogGroups',
]
const tracing = [
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
]

function alarm(scope: Construct, id: string, metric: Metric, what: string): void {
  new Alarm(scope, id, {
    alarmDescription: `${what}: see docs/runbooks/close.md`,
    metric,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    threshold: 0,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  })
}
