import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { developmentVault, type Vault } from '../../functions/tokens/vault.ts'
import type { Permit } from './policy.ts'

const Call = z.object({
  KeyId: z.string(),
  KeyPairSpec: z.string().optional(),
  Plaintext: z.string().optional(),
  CiphertextBlob: z.string().optional(),
  EncryptionContext: z.record(z.string(), z.string()).default({}),
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
      if (body.KeyId !== keyArn) throw new KmsError('NotFoundException')
      const permitted = permitFor(caller)({ action: `kms:${action}`, conditionKeys: conditionKeys(body) })
      const calls = permitted ? allowed : refused
      calls.push({ caller, action, purpose: body.EncryptionContext['purpose'] })
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

const conditionKeys = ({ EncryptionContext }: Call) =>
  Object.fromEntries(
    Object.entries(EncryptionContext).map(([name, value]) => [`kms:EncryptionContext:${name}`, [value]]),
  )

async function answer(vault: Vault, action: string, body: Call): Promise<Record<string, string>> {
  const { KeyPairSpec, Plaintext, CiphertextBlob, EncryptionContext } = body
  if (action === 'GenerateDataKeyPairWithoutPlaintext' && KeyPairSpec === 'ECC_NIST_P256') {
    const { publicKey, sealed } = await vault.generateKeyPair(EncryptionContext)
    return { PublicKey: Buffer.from(publicKey).toString('base64'), PrivateKeyCiphertextBlob: sealed, KeyPairSpec }
  }
  if (action === 'Encrypt' && Plaintext !== undefined)
    return { CiphertextBlob: await vault.seal(Buffer.from(Plaintext, 'base64'), EncryptionContext) }
  if (action === 'Decrypt' && CiphertextBlob !== undefined)
    try {
      return { Plaintext: Buffer.from(await vault.open(CiphertextBlob, EncryptionContext)).toString('base64') }
    } catch {
      throw new KmsError('InvalidCiphertextException')
    }
  throw new KmsError('ValidationException')
}
