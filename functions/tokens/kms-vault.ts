import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyPairWithoutPlaintextCommand,
  KMSClient,
  type KMSClientConfig,
  ReEncryptCommand,
} from '@aws-sdk/client-kms'
import { publicJwkOf, type Vault, type VaultContext } from './vault.ts'

/** KMS makes the pair and hands out only the encrypted private half; opening it is one Decrypt at a cold start. */
export function kmsVault(kms: KMSClient, keyId: string): Vault {
  /** The kid follows from the key that KMS makes, so it can be bound only afterwards: inside KMS, nothing is opened. */
  async function bind(ciphertext: Uint8Array, from: VaultContext, to: VaultContext): Promise<Uint8Array> {
    const { CiphertextBlob } = await kms.send(
      new ReEncryptCommand({
        CiphertextBlob: ciphertext,
        SourceKeyId: keyId,
        SourceEncryptionContext: from,
        DestinationKeyId: keyId,
        DestinationEncryptionContext: to,
      }),
    )
    if (!CiphertextBlob) throw new Error('KMS answered without a ciphertext')
    return CiphertextBlob
  }

  return {
    async generateKeyPair(purpose) {
      const pair = await kms.send(
        new GenerateDataKeyPairWithoutPlaintextCommand({
          KeyId: keyId,
          KeyPairSpec: 'ECC_NIST_P256',
          EncryptionContext: { purpose },
        }),
      )
      if (!pair.PublicKey || !pair.PrivateKeyCiphertextBlob) throw new Error('KMS answered without a key pair')
      const publicJwk = publicJwkOf(pair.PublicKey, purpose)
      const bound = await bind(pair.PrivateKeyCiphertextBlob, { purpose }, { purpose, kid: publicJwk.kid })
      return { publicJwk, sealed: Buffer.from(bound).toString('base64') }
    },
    async seal(secret, context) {
      const { CiphertextBlob } = await kms.send(
        new EncryptCommand({ KeyId: keyId, Plaintext: secret, EncryptionContext: context }),
      )
      if (!CiphertextBlob) throw new Error('KMS answered without a ciphertext')
      return Buffer.from(CiphertextBlob).toString('base64')
    },
    async open(sealed, context) {
      const { Plaintext } = await kms.send(
        new DecryptCommand({ KeyId: keyId, CiphertextBlob: Buffer.from(sealed, 'base64'), EncryptionContext: context }),
      )
      if (!Plaintext) throw new Error('KMS answered without a plaintext')
      return Plaintext
    },
  }
}

export const kmsClient = (config: KMSClientConfig): KMSClient => new KMSClient(config)
