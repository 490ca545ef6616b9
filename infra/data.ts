import { RemovalPolicy } from 'aws-cdk-lib'
import { AttributeType, Billing, StreamViewType, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { Key } from 'aws-cdk-lib/aws-kms'
import type { Construct } from 'constructs'
import { table as names } from '../schemas/table.ts'

const text = (name: string) => ({ name, type: AttributeType.STRING })

/** The one table. It holds the ledger, so neither a wrong command nor a deleted stack takes it away. */
export const dataTable = (scope: Construct): TableV2 =>
  new TableV2(scope, 'Table', {
    partitionKey: text(names.partitionKey),
    sortKey: text(names.sortKey),
    // Indexes project everything, which is the construct's default.
    globalSecondaryIndexes: names.indexes.map(index => ({
      indexName: index.name,
      partitionKey: text(index.partitionKey),
      sortKey: text(index.sortKey),
    })),
    billing: Billing.onDemand(),
    timeToLiveAttribute: names.timeToLive,
    dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  })

/** Seals the private keys and secrets in the table. Rotation keeps older key material, so what was sealed still opens. */
export const vaultKey = (scope: Construct): Key =>
  new Key(scope, 'VaultKey', {
    description: 'Tessera vault: signing keys and secrets',
    enableKeyRotation: true,
    removalPolicy: RemovalPolicy.RETAIN,
  })
