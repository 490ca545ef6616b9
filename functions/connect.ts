import type { Config } from '../schemas/config.ts'
import { type Now, systemNow } from './kernel/clock.ts'
import { type NewId, newIdFrom, type Random, systemRandom } from './kernel/ids.ts'
import { jsonLog, type Log } from './kernel/log.ts'
import { dynamoDbClient, openTable, type Table } from './kernel/table.ts'
import { type KeyRing, keyRing } from './tokens/keys.ts'
import { kmsClient, kmsVault } from './tokens/kms-vault.ts'
import type { Vault } from './tokens/vault.ts'

/** What verbs may need, built once for each process. */
export type Services = {
  config: Config
  /** `iss` of every token: the gateway's base address. */
  issuer: string
  table: Table
  vault: Vault
  keys: KeyRing
  /** The business clock, which a test clock may move. */
  now: Now
  /** The wall clock, for sign-in sessions and access tokens, which live in real time. */
  wallNow: Now
  random: Random
  newId: NewId
  log: Log
}

type Overrides = Partial<Pick<Services, 'table' | 'vault' | 'now' | 'wallNow' | 'random' | 'log'>>

/** Real clients from the parsed environment; `npm start` and tests override single ones. */
export function connect(config: Config, overrides: Overrides = {}): Services {
  const table = overrides.table ?? openTable(dynamoDbClient(clientConfig(config)), config.TABLE_NAME)
  const vault = overrides.vault ?? vaultOf(config)
  const now = overrides.now ?? systemNow
  const wallNow = overrides.wallNow ?? systemNow
  const random = overrides.random ?? systemRandom
  return {
    config,
    issuer: config.ISSUER,
    table,
    vault,
    keys: keyRing({ table, vault, now, wallNow, random }),
    now,
    wallNow,
    random,
    newId: newIdFrom(now, random),
    log: overrides.log ?? jsonLog(line => process.stdout.write(`${line}\n`)),
  }
}

const clientConfig = ({ AWS_REGION, DYNAMODB_ENDPOINT }: Config) => ({
  region: AWS_REGION,
  // Only local engines are named by an endpoint, and they take any credentials.
  ...(DYNAMODB_ENDPOINT && {
    endpoint: DYNAMODB_ENDPOINT,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  }),
})

function vaultOf({ VAULT_KEY_ID, KMS_ENDPOINT, AWS_REGION }: Config): Vault {
  if (!VAULT_KEY_ID) throw new Error('VAULT_KEY_ID is not set: the vault needs its KMS key')
  const kms = kmsClient({ region: AWS_REGION, ...(KMS_ENDPOINT && { endpoint: KMS_ENDPOINT }) })
  return kmsVault(kms, VAULT_KEY_ID)
}
