import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { PolicyStatement, type PolicyStatementProps, type Role } from 'aws-cdk-lib/aws-iam'
import type { Key } from 'aws-cdk-lib/aws-kms'
import type { KeyPurpose } from '../schemas/key.ts'
import { table as names } from '../schemas/table.ts'

const allow = (to: Role, statement: PolicyStatementProps) => to.addToPolicy(new PolicyStatement(statement))

const reads = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query']
const writes = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem']

/** Never Scan, and nothing that changes the table itself. */
export function grantTable(to: Role, { tableArn }: TableV2, access: 'all' | 'keys-only'): void {
  allow(to, { actions: access === 'all' ? [...reads, ...writes] : reads, resources: [tableArn] })
  allow(to, { actions: ['dynamodb:Query'], resources: names.indexes.map(index => `${tableArn}/index/${index.name}`) })
  if (access === 'keys-only')
    allow(to, {
      actions: ['dynamodb:PutItem'],
      resources: [tableArn],
      conditions: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['KEYS'] } },
    })
}

/**
 * The vault seals a signing key with its purpose as encryption context and any other secret with another context, so
 * KMS itself keeps a Lambda from opening a key that is not its own.
 */
export function grantVault(
  to: Role,
  { keyArn }: Key,
  { signs, secrets }: { signs: readonly KeyPurpose[]; secrets: boolean },
): void {
  const resources = [keyArn]
  const purpose = 'kms:EncryptionContext:purpose'
  if (signs.length > 0) {
    // Whoever comes first makes the missing keys of every purpose; making one does not allow opening it.
    allow(to, {
      actions: ['kms:GenerateDataKeyPairWithoutPlaintext'],
      resources,
      conditions: { Null: { [purpose]: 'false' } },
    })
    allow(to, { actions: ['kms:Decrypt'], resources, conditions: { StringEquals: { [purpose]: signs } } })
  }
  if (secrets)
    allow(to, { actions: ['kms:Encrypt', 'kms:Decrypt'], resources, conditions: { Null: { [purpose]: 'true' } } })
}
