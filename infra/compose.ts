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
    reason: 'The queue is itself the dead-letter queue of the stream consumers, which the rule does not see.',
  },
]

/** The whole app; a finding of cdk-nag that nobody has given a reason for fails the synthesis. */
export function compose(app: App): TesseraStack {
  const stack = new TesseraStack(app, 'Tessera', readSettings(app.node))
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app))
  Validations.of(stack).acknowledge(...acknowledged)
  return stack
}
