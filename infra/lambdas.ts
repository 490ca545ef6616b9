import { fileURLToPath } from 'node:url'
import { Duration } from 'aws-cdk-lib'
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { Key } from 'aws-cdk-lib/aws-kms'
import { Architecture, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda'
import { LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import type { Config } from '../schemas/config.ts'
import type { KeyPurpose } from '../schemas/key.ts'
import type { Entry } from '../schemas/routes.ts'
import { grantTable, grantVault } from './grants.ts'
import type { Settings } from './settings.ts'

export type FunctionName = Entry | 'changes' | 'timers' | 'settle'
export type Functions = Record<FunctionName, NodejsFunction>

type Shape = {
  memorySize: number
  timeoutSeconds: number
  /** The token path reads, and writes only the first signing keys. */
  table: 'all' | 'keys-only'
  /** Signing keys it opens; nobody else's token can be forged with what it holds. */
  signs: KeyPurpose[]
  /** Secrets sealed by the gateway: cookie sealing, partners' client secrets. */
  secrets: boolean
}

/** An HTTP API waits 30 s for an answer at most; 1,769 MB is one whole virtual processor. */
const shapes: Record<FunctionName, Shape> = {
  api: { memorySize: 1024, timeoutSeconds: 29, table: 'all', signs: ['statement'], secrets: true },
  token: { memorySize: 512, timeoutSeconds: 10, table: 'keys-only', signs: ['entitlement'], secrets: false },
  authorize: { memorySize: 512, timeoutSeconds: 10, table: 'all', signs: ['access'], secrets: true },
  // A batch of 10,000 uses of one entitlement is noted one by one.
  changes: { memorySize: 512, timeoutSeconds: 300, table: 'all', signs: [], secrets: false },
  // Shorter than the schedule's minute, so that two runs do not overlap; what is left is due in the next.
  timers: { memorySize: 512, timeoutSeconds: 55, table: 'all', signs: [], secrets: false },
  settle: { memorySize: 1769, timeoutSeconds: 900, table: 'all', signs: ['statement'], secrets: false },
}

type Needs = { table: TableV2; key: Key; settings: Settings }

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
  }
}

function lambda(scope: Construct, name: FunctionName, { table, key, settings }: Needs): NodejsFunction {
  const { memorySize, timeoutSeconds, table: access, signs, secrets } = shapes[name]
  const id = `${name.charAt(0).toUpperCase()}${name.slice(1)}`
  const logGroup = new LogGroup(scope, `${id}Log`, { retention: RetentionDays.THREE_MONTHS })
  // A role of our own: the managed policy for Lambda would let it write to every log group of the account.
  const role = new Role(scope, `${id}Role`, { assumedBy: new ServicePrincipal('lambda.amazonaws.com') })
  logGroup.grantWrite(role)
  grantTable(role, table, access)
  grantVault(role, key, { signs, secrets })
  const environment = {
    TABLE_NAME: table.tableName,
    VAULT_KEY_ID: key.keyArn,
    ISSUER: settings.ISSUER,
    IDENTITY_ISSUER: settings.IDENTITY_ISSUER,
    IDENTITY_CLIENT_ID: settings.IDENTITY_CLIENT_ID,
  } satisfies Partial<Record<keyof Config, string>>
  return new NodejsFunction(scope, id, {
    entry: fileURLToPath(new URL(`../functions/${name}.ts`, import.meta.url)),
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    memorySize,
    timeout: Duration.seconds(timeoutSeconds),
    role,
    logGroup,
    loggingFormat: LoggingFormat.TEXT,
    environment: { ...environment, NODE_OPTIONS: '--enable-source-maps' },
    bundling: {
      format: OutputFormat.ESM,
      target: 'node24',
      // The SDK goes into the bundle: what runs is the version that the tests ran, and Lambda's own one may differ.
      externalModules: [],
      mainFields: ['module', 'main'],
      minify: true,
      // The authorization server names its stored models by their classes.
      keepNames: true,
      sourceMap: true,
      logLevel: LogLevel.WARNING,
      // An import of a name that a module does not have would only be undefined when it is called.
      esbuildArgs: { '--log-override:import-is-undefined': 'error' },
      // CommonJS dependencies still call `require` for Node's own modules.
      banner: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);",
    },
  })
}
