import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { Rule } from 'aws-cdk-lib/aws-events'
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets'
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations'
import { BlockPublicAccess, Bucket, BucketEncryption, type CfnBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3'
import type { Construct } from 'constructs'
import { alarmOn, deadLetters } from './dead-letters.ts'
import type { Functions } from './lambdas.ts'

/** Where partners leave files of usage. Each may write under a prefix of its own: see docs/runbooks/file-drop.md. */
export function dropBucket(scope: Construct): Bucket {
  const bucket = new Bucket(scope, 'DropBucket', {
    // Keys of S3 itself: with a KMS key of ours every partner's role would need leave to use that key as well.
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    // What another account uploads is ours to read, and nobody sets an ACL.
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    // An event names the version it is about, so a file that is uploaded again never takes another's place.
    versioned: true,
    lifecycleRules: [
      { id: 'incoming', prefix: 'incoming/', expiration: Duration.days(30) },
      {
        id: 'remains',
        noncurrentVersionExpiration: Duration.days(30),
        abortIncompleteMultipartUploadAfter: Duration.days(7),
        expiredObjectDeleteMarker: true,
      },
    ],
    removalPolicy: RemovalPolicy.RETAIN,
  })
  // Events go through EventBridge: a notification straight to a Lambda would make the template circular (the bucket needs
  // the Lambda's permission, the Lambda the bucket's name), which CDK solves with a Lambda of its own at deployment.
  const resource = bucket.node.defaultChild as CfnBucket
  resource.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } }
  return bucket
}

/** Each uploaded file wakes the Lambda, once or more often and in any order, which its verb allows for. */
export function fileDrop(
  scope: Construct,
  { bucket, functions }: { bucket: Bucket; functions: Pick<Functions, 'drop'> },
): void {
  const failed = deadLetters(scope, 'FailedDrops')
  // A run that ends for want of time throws, and the next one goes on from its note: three runs of 15 minutes.
  functions.drop.configureAsyncInvoke({
    retryAttempts: 2,
    maxEventAge: Duration.hours(6),
    onFailure: new SqsDestination(failed),
  })
  new Rule(scope, 'FileDropped', {
    eventPattern: {
      source: ['aws.s3'],
      detailType: ['Object Created'],
      detail: { bucket: { name: [bucket.bucketName] }, object: { key: [{ prefix: 'incoming/' }] } },
    },
    targets: [new LambdaFunction(functions.drop, { deadLetterQueue: failed })],
  })
  alarmOn(failed, 'DropsFailed', 'Uploaded files that were not received: see docs/runbooks/file-drop.md')
}
