import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { developmentVault, type Vault } from '../../functions/tokens/vault.ts'
import type { Permit } from './policy.ts'

const Context = z.record(z.string(), z.string()).default({})
const Call = z.object({
  KeyId: z.string().optional(),
  SourceKeyId: z.string().optional(),
  DestinationKeyId: z.string().optional(),
  SourceEncryptionContext: Context,
  DestinationEncryptionContext: Context,
  KeyPairSpec: z.string().optional(),
  Plaintext: z.string().optional(),
  CiphertextBlob: z.string().optional(),
  EncryptionContext: Context,
})
type Call = z.infer<typeof Call>

export type KmsCall = { caller: string; action: string; purpose: string | undefined }
export type Kms = {
  endpoint: string
  keyArn: string
  allowed: KmsCall[]
  refused: KmsCall[]
  stop: () => Promise<void>
}

class KmsError extends Error {}

/**
 * KMS as its client speaks to it (AWS JSON 1.1), with real key pairs and real sealing bound to the encryption context.
 * Who calls is the access key id in the signature; the signature itself is not checked. `permitFor` stands for IAM.
 */
export async function startKms(permitFor: (caller: string) => Permit): Promise<Kms> {
  const keyArn = 'arn:aws:kms:us-east-1:111122223333:key/5a1c2f6e-0000-4000-8000-000000000001'
  const vault = developmentVault()
  const allowed: KmsCall[] = []
  const refused: KmsCall[] = []
  const server = createServer(async (request, response) => {
    const action = String(request.headers['x-amz-target']).replace('TrentService.', '')
    const caller = /Credential=([^/]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? ''
    response.setHeader('content-type', 'application/x-amz-json-1.1')
    try {
      const body = Call.parse(JSON.parse(await text(request)))
      const named = action === 'ReEncrypt' ? [body.SourceKeyId, body.DestinationKeyId] : [body.KeyId]
      if (named.some(key => key !== keyArn)) throw new KmsError('NotFoundException')
      const needed = needs(action, body)
      const permitted = needed.every(call => permitFor(caller)(call))
      const calls = permitted ? allowed : refused
      calls.push(...needed.map(call => callOf(caller, call)))
      if (!permitted) throw new KmsError('AccessDeniedException')
      response.end(JSON.stringify({ KeyId: keyArn, ...(await answer(vault, action, body)) }))
    } catch (error) {
      response.statusCode = 400
      response.end(JSON.stringify({ __type: error instanceof KmsError ? error.message : 'ValidationException' }))
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keyArn,
    allowed,
    refused,
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The permissions a call needs: those of both its halves where it opens and seals in one. */
function needs(action: string, { EncryptionContext, SourceEncryptionContext, DestinationEncryptionContext }: Call) {
  if (action !== 'ReEncrypt') return [needed(action, EncryptionContext)]
  return [needed('ReEncryptFrom', SourceEncryptionContext), needed('ReEncryptTo', DestinationEncryptionContext)]
}

const needed = (action: string, context: Record<string, string>) => ({
  action: `kms:${action}`,
  conditionKeys: Object.fromEntries(
    Object.entries(context).map(([name, value]) => [`kms:EncryptionContext:${name}`, [value]]),
  ),
})

const callOf = (caller: string, { action, conditionKeys }: ReturnType<typeof needed>): KmsCall => ({
  caller,
  action: action.replace('kms:', ''),
  purpose: conditionKeys['kms:EncryptionContext:purpose']?.[0],
})

async function answer(vault: Vault, action: string, body: Call): Promise<Record<string, string>> {
  const { KeyPairSpec, Plaintext, CiphertextBlob, EncryptionContext } = body
  if (action === 'GenerateDataKeyPairWithoutPlaintext' && KeyPairSpec === 'ECC_NIST_P256') {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
    const PublicKey = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
    return { PublicKey, PrivateKeyCiphertextBlob: await vault.seal(pkcs8, EncryptionContext), KeyPairSpec }
  }
  if (action === 'Encrypt' && Plaintext !== undefined)
    return { CiphertextBlob: await vault.seal(Buffer.from(Plaintext, 'base64'), EncryptionContext) }
  if (action === 'Decrypt' && CiphertextBlob !== undefined) {
    const plaintext = await opened(vault, CiphertextBlob, EncryptionContext)
    return { Plaintext: Buffer.from(plaintext).toString('base64') }
  }
  if (action === 'ReEncrypt' && CiphertextBlob !== undefined) {
    const plaintext = await opened(vault, CiphertextBlob, body.SourceEncryptionContext)
    return { CiphertextBlob: await vault.seal(plaintext, body.DestinationEncryptionContext) }
  }
  throw new KmsError('ValidationException')
}

const opened = (vault: Vault, ciphertext: string, context: Record<string, string>) =>
  vault.open(ciphertext, context).catch(() => {
    throw new KmsError('InvalidCiphertextException')
  })
