import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { PolicyStatement, type PolicyStatementProps, type Role } from 'aws-cdk-lib/aws-iam'
import type { Key } from 'aws-cdk-lib/aws-kms'
import type { Bucket } from 'aws-cdk-lib/aws-s3'
import type { KeyPurpose } from '../schemas/key.ts'
import { table as names } from '../schemas/table.ts'

const allow = (to: Role, statement: PolicyStatementProps) => to.addToPolicy(new PolicyStatement(statement))

const reads = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query']
const writes = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:ConditionCheckItem']

/** What an entry may do to the table: anything, or read all and write the items of some partitions. */
export type TableAccess = 'all' | { writes: readonly string[]; removes?: true }

/** Never Scan, and nothing that changes the table itself. A written partition may end with `*`. */
export function grantTable(to: Role, { tableArn }: TableV2, access: TableAccess): void {
  allow(to, { actions: access === 'all' ? [...reads, ...writes] : reads, resources: [tableArn] })
  allow(to, { actions: ['dynamodb:Query'], resources: names.indexes.map(index => `${tableArn}/index/${index.name}`) })
  if (access === 'all') return
  const leadingKeys = 'dynamodb:LeadingKeys'
  allow(to, {
    actions: access.removes ? writes : ['dynamodb:PutItem', 'dynamodb:UpdateItem'],
    resources: [tableArn],
    // For all values of none would hold: the second condition asks that there are some.
    conditions: { 'ForAllValues:StringLike': { [leadingKeys]: access.writes }, Null: { [leadingKeys]: 'false' } },
  })
}

export type VaultAccess = {
  /** Makes key pairs of any purpose, which does not allow opening one. */
  creates: boolean
  /** Signing keys it opens; nobody else's token can be forged with what it holds. */
  signs: readonly KeyPurpose[]
  /** Secrets sealed by the gateway: cookie sealing, partners' client secrets. */
  secrets: boolean
}

/**
 * The vault seals a signing key with its purpose and kid as encryption context and any other secret with another
 * context, so KMS itself keeps a Lambda from opening a key that is not its own.
 */
export function grantVault(to: Role, { keyArn }: Key, { creates, signs, secrets }: VaultAccess): void {
  const resources = [keyArn]
  const [purpose, kid] = ['kms:EncryptionContext:purpose', 'kms:EncryptionContext:kid']
  const grant = (actions: string[], conditions: Record<string, unknown>) =>
    allow(to, { actions, resources, conditions })
  if (creates) {
    grant(['kms:GenerateDataKeyPairWithoutPlaintext'], { Null: { [purpose]: 'false' } })
    // A new key is bound to its kid once. What is bound is never a source again: nobody turns another purpose's key
    // into one that it may open.
    grant(['kms:ReEncryptFrom'], { Null: { [purpose]: 'false', [kid]: 'true' } })
    grant(['kms:ReEncryptTo'], { Null: { [purpose]: 'false', [kid]: 'false' } })
  }
  if (signs.length > 0) grant(['kms:Decrypt'], { StringEquals: { [purpose]: signs }, Null: { [kid]: 'false' } })
  if (secrets) grant(['kms:Encrypt', 'kms:Decrypt'], { Null: { [purpose]: 'true' } })
}

/** Reads what partners upload and writes what became of it; it neither changes nor removes a file. */
export function grantDrop(to: Role, bucket: Bucket): void {
  allow(to, { actions: ['s3:GetObject', 's3:GetObjectVersion'], resources: [bucket.arnForObjects('incoming/*')] })
  allow(to, { actions: ['s3:GetObject', 's3:PutObject'], resources: [bucket.arnForObjects('receipts/*')] })
  allow(to, { actions: ['s3:PutObject'], resources: [bucket.arnForObjects('refused/*')] })
  // Without it S3 answers 403 and not 404 where there is no result yet. It asks so without naming a prefix.
  allow(to, { actions: ['s3:ListBucket'], resources: [bucket.bucketArn] })
}
