import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Match } from 'aws-cdk-lib/assertions'
import { afterAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { Config, readConfig } from '../../schemas/config.ts'
import { routes } from '../../schemas/routes.ts'
import { environmentOf, synthesize } from '../support/synthesis.ts'

const names = ['api', 'token', 'authorize', 'changes', 'timers', 'settle', 'close', 'drop'] as const
const Findings = z.array(z.object({ ruleName: z.string() }))
const NagReport = z.object({
  pluginReports: z.array(
    z.object({
      pluginName: z.string(),
      conclusion: z.string(),
      violations: Findings,
      suppressedViolations: Findings.default([]),
    }),
  ),
})
const synthesis = synthesize({ bundled: false })
const { template } = synthesis
afterAll(() => synthesis.remove())

describe('the table', () => {
  it('keeps what it holds: recovery to a point in time, deletion protection, retained with the stack gone', () => {
    template.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        Replicas: [
          {
            DeletionProtectionEnabled: true,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          },
        ],
      },
    })
    template.resourceCountIs('AWS::DynamoDB::GlobalTable', 1)
  })

  it('has the index, the stream of both images and the time to live that the stores count on', () => {
    template.hasResourceProperties('AWS::DynamoDB::GlobalTable', {
      GlobalSecondaryIndexes: [
        {
          IndexName: 'gsi1',
          KeySchema: [
            { AttributeName: 'gsi1pk', KeyType: 'HASH' },
            { AttributeName: 'gsi1sk', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
      StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' },
      TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true },
    })
  })
})

describe('the vault key', () => {
  it('rotates and outlives the stack', () => {
    template.hasResource('AWS::KMS::Key', {
      DeletionPolicy: 'Retain',
      Properties: { EnableKeyRotation: true, KeySpec: Match.absent() },
    })
  })

  it('opens each signing key for its own Lambda only', () => {
    const openers = (purpose: string) =>
      Object.values(template.findResources('AWS::IAM::Policy'))
        .filter(({ Properties }) => JSON.stringify(Properties.PolicyDocument).includes(`"${purpose}"`))
        .map(({ Properties }) => Properties.Roles[0].Ref as string)
        .map(role => role.replace(/Role.*$/, ''))
    // A pass is shown by a page, so the portal's Lambda signs those; it is no partner that asks there.
    expect(openers('entitlement')).toEqual(['Api', 'Token'])
    expect(openers('client')).toEqual(['Api', 'Timers'])
    expect(openers('status-list')).toEqual(['Token'])
    expect(openers('event')).toEqual(['Changes', 'Timers'])
    expect(openers('access')).toEqual(['Authorize'])
    expect(openers('statement')).toEqual(['Api', 'Close', 'Drop'])
  })
})

describe('the Lambdas', () => {
  it.each(names)('%s runs on nodejs24.x, arm64', name => {
    const { Properties } = synthesis.lambda(name)
    expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'], Handler: 'index.handler' })
  })

  it.each(names)('%s has exactly the variables that its configuration reads', name => {
    const environment = environmentOf(synthesis.lambda(name), {
      table: 'Tessera-Table',
      keyArn: 'arn:aws:kms:x:1:key/k',
      bucket: 'tessera-drop',
      machine: 'arn:aws:states:x:1:stateMachine:close',
    })
    expect(readConfig(environment)).toMatchObject({
      TABLE_NAME: 'Tessera-Table',
      VAULT_KEY_ID: 'arn:aws:kms:x:1:key/k',
      ISSUER: 'https://tessera.example',
      ALLOW_LOOPBACK: false,
      ...(name === 'drop' && { DROP_BUCKET: 'tessera-drop' }),
      ...(name === 'settle' && { CLOSE_MACHINE_ARN: 'arn:aws:states:x:1:stateMachine:close' }),
    })
    const { NODE_OPTIONS, ...ours } = environment
    const heap = name === 'close' ? ' --max-old-space-size=1280' : ''
    expect(NODE_OPTIONS).toBe(`--enable-source-maps${heap}`)
    expect(Object.keys(Config.shape)).toEqual(expect.arrayContaining(Object.keys(ours)))
  })

  it('are eight, and none has a managed policy or a wildcard in what it may do, but for prefixes of its own', () => {
    template.resourceCountIs('AWS::Lambda::Function', names.length)
    for (const { Properties } of Object.values(template.findResources('AWS::IAM::Role')))
      expect(Properties.ManagedPolicyArns).toBeUndefined()
    const policies = Object.values(template.findResources('AWS::IAM::Policy')).filter(
      // That of the state machine has a test of its own.
      ({ Properties }) => !Properties.Roles[0].Ref.startsWith('CloseMachine'),
    )
    expect(policies).toHaveLength(names.length)
    const own =
      /"(STATUS#|USAGE#|CHUNKS#|CLOSE#|LEDGER#|STATEMENT#|SPILL#|PROVISIONAL#|\/incoming\/|\/receipts\/|\/refused\/)\*"/g
    for (const { Properties } of policies)
      expect(JSON.stringify(Properties.PolicyDocument).replaceAll(own, '')).not.toContain('*')
  })

  it('have room for what they do: settle for the files of a large reconciliation, the long ones for 15 minutes', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: Match.absent(),
      MemorySize: 1769,
      Timeout: 900,
      EphemeralStorage: { Size: 4096 },
    })
    expect(synthesis.lambda('drop').Properties).toMatchObject({ MemorySize: 1024, Timeout: 900 })
    expect(synthesis.lambda('close').Properties).toMatchObject({ MemorySize: 1769, Timeout: 900 })
  })
})

describe('the HTTP API', () => {
  it('has the routes of the gateway, each at its Lambda, and one for everything else', () => {
    expect(Object.fromEntries(synthesis.routes)).toEqual({
      ...Object.fromEntries(routes.map(({ method, path, entry }) => [`${method} ${path}`, entry])),
      $default: 'api',
    })
    template.resourceCountIs('AWS::ApiGatewayV2::Route', routes.length + 1)
  })

  it('has no two routes that differ in the names of their parameters only', () => {
    const shapes = routes.map(({ method, path }) => `${method} ${path.replaceAll(/\{[^}]+\}/g, '{}')}`)
    expect(new Set(shapes).size).toBe(shapes.length)
  })

  it('may call the Lambdas, for the default route too, whose address has no method and path', () => {
    const permitted = Object.values(template.findResources('AWS::Lambda::Permission'))
      .filter(({ Properties }) => Properties.Principal === 'apigateway.amazonaws.com')
      .map(({ Properties }) => [
        (Properties.FunctionName['Fn::GetAtt'][0] as string).replace(/[0-9A-F]{8}$/, ''),
        Properties.SourceArn['Fn::Join'][1].at(-1) as string,
      ])
    expect(permitted.sort()).toEqual([
      ['Api', '/*/*'],
      ['Api', '/*/*/*'],
      ['Authorize', '/*/*/*'],
      ['Token', '/*/*/*'],
    ])
  })

  it('throttles, logs the route but no path and no address, and lets no other site call it', () => {
    template.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      StageName: '$default',
      AutoDeploy: true,
      DefaultRouteSettings: { ThrottlingBurstLimit: 2000, ThrottlingRateLimit: 1000 },
      AccessLogSettings: { Format: Match.not(Match.stringLikeRegexp('sourceIp|\\.path|userAgent|authorizer')) },
    })
    template.hasResourceProperties('AWS::ApiGatewayV2::Api', { CorsConfiguration: Match.absent() })
  })
})

describe('the file drop', () => {
  it('keeps its files to itself: encrypted, by TLS only, versioned, retained, its owner the only one', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        VersioningConfiguration: { Status: 'Enabled' },
      },
    })
    template.resourceCountIs('AWS::S3::Bucket', 1)
    const statements = Object.values(template.findResources('AWS::S3::BucketPolicy')).flatMap(
      ({ Properties }) => Properties.PolicyDocument.Statement as { Effect: string; Condition: object }[],
    )
    expect(new Set(statements.map(({ Effect }) => Effect))).toEqual(new Set(['Deny']))
    expect(statements.map(({ Condition }) => Condition)).toContainEqual({ Bool: { 'aws:SecureTransport': 'false' } })
  })

  it('forgets what was uploaded after a month, and never a result', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      LifecycleConfiguration: {
        Rules: [
          { Id: 'incoming', Prefix: 'incoming/', ExpirationInDays: 30, Status: 'Enabled' },
          {
            Id: 'remains',
            AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
            ExpiredObjectDeleteMarker: true,
            NoncurrentVersionExpiration: { NoncurrentDays: 30 },
            Status: 'Enabled',
          },
        ],
      },
    })
  })

  it('wakes its Lambda for what is uploaded and for nothing that it writes itself', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      NotificationConfiguration: { EventBridgeConfiguration: { EventBridgeEnabled: true } },
    })
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.s3'],
        'detail-type': ['Object Created'],
        detail: {
          bucket: { name: [{ Ref: Match.stringLikeRegexp('^DropBucket') }] },
          object: { key: [{ prefix: 'incoming/' }] },
        },
      },
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Drop'), 'Arn'] },
          DeadLetterConfig: { Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^FailedDrops'), 'Arn'] } },
        }),
      ],
    })
    // No Lambda of CDK's own sets this up at a deployment.
    template.resourceCountIs('Custom::S3BucketNotifications', 0)
  })

  it('tries three times, keeps what fails and raises an alarm', () => {
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: Match.stringLikeRegexp('^Drop') },
      MaximumRetryAttempts: 2,
      MaximumEventAgeInSeconds: 21_600,
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': [Match.stringLikeRegexp('^FailedDrops'), 'Arn'] } },
      },
    })
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('file-drop.md'),
      Dimensions: [
        { Name: 'QueueName', Value: { 'Fn::GetAtt': [Match.stringLikeRegexp('^FailedDrops'), 'QueueName'] } },
      ],
      Threshold: 0,
    })
  })
})

describe('what runs by itself', () => {
  const mapping = (consumer: string, properties: object) =>
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FunctionName: { Ref: Match.stringLikeRegexp(`^${consumer}`) },
      BisectBatchOnFunctionError: true,
      StartingPosition: 'TRIM_HORIZON',
      DestinationConfig: {
        OnFailure: { Destination: { 'Fn::GetAtt': [Match.stringLikeRegexp('^FailedChanges'), 'Arn'] } },
      },
      ...properties,
    })
  const filters = (...patterns: object[]) => ({
    FilterCriteria: { Filters: patterns.map(pattern => ({ Pattern: Match.serializedJson(pattern) })) },
  })

  const removed = (image: object) => ({ eventName: ['REMOVE'], dynamodb: { OldImage: image } })

  it('tells the changes consumer of links and the events of their ends, and of nothing else, for half a day', () => {
    const link = { itemKind: { S: ['link'] } }
    const told = { eventName: ['INSERT'], dynamodb: { NewImage: { itemKind: { S: ['outgoing-event'] } } } }
    mapping('Changes', {
      ParallelizationFactor: 10,
      MaximumRetryAttempts: 10_000,
      MaximumRecordAgeInSeconds: 43_200,
      ...filters({ dynamodb: { NewImage: link } }, removed(link), told),
    })
  })

  it('settles batches that came, usage to be judged again, contracts, captures, uploads that expired and closes whose inputs are frozen, one at a time', () => {
    const came = { eventName: ['INSERT'], dynamodb: { NewImage: { itemKind: { S: ['usage-manifest'] } } } }
    const asked = { dynamodb: { NewImage: { itemKind: { S: ['provisional-request'] } } } }
    const terms = { dynamodb: { NewImage: { itemKind: { S: ['contract'] } } } }
    const captured = { dynamodb: { NewImage: { itemKind: { S: ['redemption'] }, state: { S: ['captured'] } } } }
    const expired = { itemKind: { S: ['usage-batch'] }, state: { S: ['receiving'] } }
    const frozen = { itemKind: { S: ['close'] } }
    mapping('Settle', {
      BatchSize: 1,
      ParallelizationFactor: 10,
      MaximumRetryAttempts: 5,
      ...filters(came, asked, terms, captured, removed(expired), { dynamodb: { NewImage: frozen } }),
    })
  })

  it('raises an alarm when a change could not be followed', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
    })
  })

  it('fires timers each minute', () => {
    template.hasResourceProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(1 minute)',
      Targets: [Match.objectLike({ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Timers'), 'Arn'] } })],
    })
  })
})

describe('the synthesis', () => {
  it('leaves no finding of cdk-nag without a reason', () => {
    const { pluginReports } = NagReport.parse(
      JSON.parse(readFileSync(join(synthesis.folder, 'validation-report.json'), 'utf8')),
    )
    const [nag] = pluginReports.filter(({ pluginName }) => pluginName === 'AwsSolutions')
    expect(nag).toMatchObject({ conclusion: 'success', violations: [] })
    const excused = new Set(nag?.suppressedViolations.map(({ ruleName }) => ruleName))
    const wildcards = [...excused].filter(rule => rule.startsWith('AwsSolutions-IAM5'))
    expect(
      wildcards.every(rule => /^AwsSolutions-IAM5(\[Resource::(<DropBucket\w+\.Arn>\/\w+\/)?\*\])?$/.test(rule)),
    ).toBe(true)
    expect(new Set([...excused].filter(rule => !wildcards.includes(rule)))).toEqual(
      new Set(['AwsSolutions-APIG4', 'AwsSolutions-SQS3', 'AwsSolutions-S1']),
    )
  })

  it('tells how to give a context value that does not fit', () => {
    const build = () =>
      synthesize({ bundled: false, context: { issuer: 'https://tessera.example/', identityClientId: '' } })
    expect(build).toThrow(/issuer: no trailing slash.*"-c issuer=…"[\s\S]*identityClientId: .*"-c identityClientId=…"/)
  })
})
