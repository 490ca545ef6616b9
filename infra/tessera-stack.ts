import { CfnOutput, Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { closeMachine } from './close-machine.ts'
import { dataTable, vaultKey } from './data.ts'
import { dropBucket, fileDrop } from './file-drop.ts'
import { httpApi } from './http-api.ts'
import { lambdas } from './lambdas.ts'
import type { Settings } from './settings.ts'
import { schedules, streamConsumers } from './triggers.ts'

/** Everything of one deployment. It names no account and no region, so it is synthesized offline and without either. */
export class TesseraStack extends Stack {
  constructor(scope: Construct, id: string, settings: Settings) {
    super(scope, id, { description: 'Tessera: partner-benefits federation gateway' })
    const table = dataTable(this)
    const key = vaultKey(this)
    const bucket = dropBucket(this)
    const functions = lambdas(this, { table, key, bucket, settings })
    const api = httpApi(this, functions)
    streamConsumers(this, { table, functions })
    schedules(this, functions)
    fileDrop(this, { bucket, functions })
    const machine = closeMachine(this, functions)

    new CfnOutput(this, 'ApiUrl', { value: api.apiEndpoint, description: `Let ${settings.ISSUER} lead here` })
    new CfnOutput(this, 'TableName', { value: table.tableName })
    new CfnOutput(this, 'DropBucketName', { value: bucket.bucketName, description: 'docs/runbooks/file-drop.md' })
    new CfnOutput(this, 'CloseMachineArn', { value: machine.stateMachineArn, description: 'docs/runbooks/close.md' })
    new CfnOutput(this, 'VaultKeyArn', { value: key.keyArn })
  }
}
