import { type App, Validations } from 'aws-cdk-lib'
import { AwsSolutionsChecks } from 'cdk-nag'
import { readSettings } from './settings.ts'
import { TesseraStack } from './tessera-stack.ts'

/** Rules of cdk-nag that do not fit, each with the reason; they hold wherever the rule finds something. */
const acknowledged = [
  {
    id: 'AwsSolutions::AwsSolutions-APIG4',
    reason:
      'The gateway itself checks access tokens, scopes and ownership on each route, the same deployed and locally; ' +
      'discovery, sign-in and the portal are for callers without a token. A security test runs over every route.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-SQS3',
    reason:
      'Each queue is itself a dead-letter queue, of the stream consumers or of the file drop, which the rule does not see.',
  },
  {
    id: 'AwsSolutions::AwsSolutions-S1',
    reason:
      'Each upload leaves a result with receipts or a refusal in the bucket itself, versioned; who called S3 is told by ' +
      'CloudTrail data events, which an account turns on for all its buckets. Access logs would need a second bucket ' +
      'that nobody reads.',
  },
  // Named one by one, with the id that the bucket has in the template, so that no other wildcard passes with them.
  ...['incoming', 'receipts', 'refused'].map(prefix => ({
    id: `AwsSolutions::AwsSolutions-IAM5[Resource::<DropBucketCB075576.Arn>/${prefix}/*]`,
    reason: 'Partners choose the names of their files; what is not under its prefix stays out of reach.',
  })),
]

/** The whole app; a finding of cdk-nag that nobody has given a reason for fails the synthesis. */
export function compose(app: App): TesseraStack {
  const stack = new TesseraStack(app, 'Tessera', readSettings(app.node))
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  Validations.of(stack).acknowledge(...acknowledged)
  return stack
}
