import { fileURLToPath } from 'node:url'
import { Duration, Size } from 'aws-cdk-lib'
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { Key } from 'aws-cdk-lib/aws-kms'
import { Architecture, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda'
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Bucket } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import type { Config } from '../schemas/config.ts'
import type { KeyPurpose } from '../schemas/key.ts'
import type { Entry } from '../schemas/routes.ts'
import { bundlingOf } from './bundling.ts'
import { grantDrop, grantTable, grantVault, type TableAccess, type VaultAccess } from './grants.ts'
import type { Settings } from './settings.ts'

export type FunctionName = Entry | 'changes' | 'timers' | 'settle' | 'close' | 'drop'
export type Functions = Record<FunctionName, NodejsFunction>

type Shape = {
  memorySize: number
  timeoutSeconds: number
  table: TableAccess
  vault: VaultAccess
  /** Of the temporary folder, where it needs more than the half a gibibyte that each has. */
  temporaryGibibytes?: number
  /** Of JavaScript's heap, where Node's own choice does not fit. */
  heapMegabytes?: number
  /** Reads the uploaded files and writes what became of them. */
  drop?: true
}

/** Each entry that may be the first one ever called makes the first keys, whoever opens them later. */
const opens = (...signs: KeyPurpose[]): VaultAccess => ({ creates: true, signs, secrets: false })

const none: VaultAccess = { creates: false, signs: [], secrets: false }

/** An HTTP API waits 30 s for an answer at most; 1,769 MB is one whole virtual processor. */
const shapes: Record<FunctionName, Shape> = {
  // Rotates the keys of every purpose. Signs receipts, passes, and its own requests to partners.
  api: {
    memorySize: 1024,
    timeoutSeconds: 29,
    table: 'all',
    vault: { ...opens('statement', 'entitlement', 'client'), secrets: true },
  },
  token: {
    memorySize: 512,
    timeoutSeconds: 10,
    // It writes the status lists that it signs. The first keys are made by others, the timer at the latest: who may write
    // keys may publish one of its own.
    table: { writes: ['STATUS#*'] },
    vault: { ...opens('entitlement', 'status-list'), creates: false },
  },
  authorize: { memorySize: 512, timeoutSeconds: 10, table: 'all', vault: { ...opens('access'), secrets: true } },
  // Both sign events for partners: what the one could not deliver, the other repeats.
  changes: { memorySize: 512, timeoutSeconds: 60, table: 'all', vault: { ...opens('event'), creates: false } },
  // Shorter than the schedule's minute, so that two runs do not overlap; what is left is due in the next.
  // It goes on with erasures, which withdraw consents at partners: with a kept token, as the client that the portal is.
  timers: {
    memorySize: 512,
    timeoutSeconds: 55,
    table: 'all',
    vault: { ...opens('event', 'client'), secrets: true },
  },
  // Reconciling a large chain shuffles its lines through temporary files.
  settle: { memorySize: 1769, timeoutSeconds: 900, temporaryGibibytes: 4, table: 'all', vault: none },
  // A chain that is short enough to be done at once, and a verification, shuffle through temporary files, too. By the time
  // of a close its signing keys have long been made.
  close: {
    memorySize: 1769,
    timeoutSeconds: 900,
    temporaryGibibytes: 4,
    // A quarter is left for buffers: of the pieces of chains, and of what is compressed.
    heapMegabytes: 1280,
    table: { writes: ['CLOSE#*', 'LEDGER#*', 'STATEMENT#*', 'SPILL#*', 'PROVISIONAL#*'] },
    vault: { ...opens('statement'), creates: false },
  },
  // It reads files of strangers: it stores usage, signs its receipts, and can do nothing else.
  drop: {
    memorySize: 1024,
    timeoutSeconds: 900,
    // An upload that expired is swept by whoever sends it again.
    table: { writes: ['USAGE#*', 'CHUNKS#*'], removes: true },
    vault: { ...opens('statement'), creates: false },
    drop: true,
  },
}

type Needs = { table: TableV2; key: Key; bucket: Bucket; settings: Settings }

/** One Lambda an entry point, each with a role of its own that may do what that entry does. */
export function lambdas(scope: Construct, needs: Needs): Functions {
  const make = (name: FunctionName) => lambda(scope, name, needs)
  return {
    api: make('api'),
    token: make('token'),
    authorize: make('authorize'),
    changes: make('changes'),
    timers: make('timers'),
    settle: make('settle'),
    close: make('close'),
    drop: make('drop'),
  }
}

function lambda(scope: Construct, name: FunctionName, { table, key, bucket, settings }: Needs): NodejsFunction {
  const { memorySize, timeoutSeconds, temporaryGibibytes, heapMegabytes, table: access, vault, drop } = shapes[name]
  const id = `${name.charAt(0).toUpperCase()}${name.slice(1)}`
  const logGroup = new LogGroup(scope, `${id}Log`, { retention: RetentionDays.THREE_MONTHS })
  // A role of our own: the managed policy for Lambda would let it write to every log group of the account.
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  logGroup.grantWrite(role)
  grantTable(role, table, access)
  grantVault(role, key, vault)
  if (drop) grantDrop(role, bucket)
  const environment = {
    TABLE_NAME: table.tableName,
    VAULT_KEY_ID: key.keyArn,
    ISSUER: settings.ISSUER,
    IDENTITY_ISSUER: settings.IDENTITY_ISSUER,
    IDENTITY_CLIENT_ID: settings.IDENTITY_CLIENT_ID,
    ...(drop && { DROP_BUCKET: bucket.bucketName }),
  } satisfies Partial<Record<keyof Config, string>>
  return new NodejsFunction(scope, id, {
    entry: fileURLToPath(new URL(`../functions/${name}.ts`, import.meta.url)),
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize,
    ...(temporaryGibibytes !== undefined && { ephemeralStorageSize: Size.gibibytes(temporaryGibibytes) }),
    timeout: Duration.seconds(timeoutSeconds),
    role,
    logGroup,
    loggingFormat: LoggingFormat.TEXT,
    environment: {
      ...environment,
      NODE_OPTIONS: ['--enable-source-maps', ...(heapMegabytes ? [`--max-old-space-size=${heapMegabytes}`] : [])].join(
        ' ',
      ),
    },
    bundling: bundlingOf(name),
  })
}
