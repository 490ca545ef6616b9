import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { ClientRecord } from '../../schemas/client.ts'
import type { PointedError } from '../../schemas/usage.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { pointedErrors } from '../kernel/validate.ts'
import { putClient } from './store.ts'

/**
 * Registers a machine client or replaces its registration; doing it again changes nothing.
 * @throws Refusal `invalid-document` when the client could never authenticate, or its keys are not public keys
 */
export async function saveClient({ table }: { table: Table }, record: ClientRecord): Promise<void> {
  const parsed = ClientRecord.safeParse(record)
  const errors = parsed.success ? faultsOf(parsed.data) : pointedErrors(parsed.error)
  if (!parsed.success || errors.length > 0) throw new Refusal('invalid-document', undefined, { errors })
  await putClient(table, parsed.data)
}

function faultsOf({ authentication, secretHash, jwks }: ClientRecord): PointedError[] {
  if (authentication === 'client_secret_basic')
    return secretHash !== undefined && /^[0-9a-f]{64}$/.test(secretHash)
      ? []
      : [{ pointer: '/secretHash', detail: 'a client_secret_basic client needs the SHA-256 of its secret' }]
  const keys = jwks?.keys ?? []
  if (keys.length === 0 || keys.length > 10)
    return [{ pointer: '/jwks/keys', detail: 'a private_key_jwt client needs 1 to 10 public keys' }]
  return keys.flatMap((key, index) =>
    isPublicKey(key) ? [] : [{ pointer: `/jwks/keys/${index}`, detail: 'no public EC P-256, RSA or Ed25519 key' }],
  )
}

function isPublicKey(jwk: Record<string, unknown>): boolean {
  if (Buffer.byteLength(JSON.stringify(jwk)) > 8192 || 'd' in jwk || 'k' in jwk) return false
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey({
      key: jwk as JsonWebKey,
      format: 'jwk',
    })
    if (type === 'ec') return details?.namedCurve === 'prime256v1'
    // RFC 7518 §3.3: RSA signatures need 2048 bits or more.
    return type === 'rsa' ? (details?.modulusLength ?? 0) >= 2048 : type === 'ed25519'
  } catch {
    return false
  }
}
