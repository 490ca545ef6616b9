import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import {
  DecryptCommand,
  GenerateDataKeyPairWithoutPlaintextCommand,
  InvalidCiphertextException,
  KMSClient,
  ReEncryptCommand,
} from '@aws-sdk/client-kms'
import { mockClient } from 'aws-sdk-client-mock'
import { calculateJwkThumbprint, compactVerify, importJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { recordType } from '../../functions/kernel/table.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { kmsVault } from '../../functions/tokens/kms-vault.ts'
import { developmentVault, importPrivateKey, type Vault } from '../../functions/tokens/vault.ts'
import { KeyPurpose } from '../../schemas/key.ts'
import { instant } from '../memberships/world.ts'
import { type Kms, startKms } from '../support/kms.ts'
import { freshTable } from '../support/table.ts'

const published = { use: 'sig', alg: 'ES256', purpose: 'event' }

let kms: Kms
beforeAll(async () => {
  kms = await startKms(() => () => true)
})
afterAll(() => kms.stop())

const vaults: Record<string, () => Vault> = {
  development: () => developmentVault(),
  KMS: () =>
    kmsVault(
      new KMSClient({
        region: 'us-east-1',
        endpoint: kms.endpoint,
        credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      }),
      kms.keyArn,
    ),
}

describe.each(Object.entries(vaults))('the %s vault', (_, open) => {
  it('opens what it sealed, under the same context only', async () => {
    const vault = open()
    const secret = Buffer.from('a very secret thing')
    const sealed = await vault.seal(secret, { partner: 'youku' })
    expect(Buffer.from(sealed, 'base64').includes(secret)).toBe(false)
    expect(Buffer.from(await vault.open(sealed, { partner: 'youku' }))).toEqual(secret)
    for (const context of [{}, { partner: 'eleme' }, { secret: 'youku' }, { partner: 'youku', more: 'x' }])
      await expect(vault.open(sealed, context)).rejects.toThrow()
  })

  it('makes pairs whose halves fit, the private one sealed to its purpose and kid', async () => {
    const vault = open()
    const { publicJwk, sealed } = await vault.generateKeyPair('event')
    const { kid } = publicJwk
    expect(publicJwk).toEqual({ kty: 'EC', crv: 'P-256', x: publicJwk.x, y: publicJwk.y, kid, ...published })
    expect(kid).toBe(await calculateJwkThumbprint(publicJwk, 'sha256'))
    const privateKey = importPrivateKey(await vault.open(sealed, { purpose: 'event', kid }))
    const { d: _d, ...half } = privateKey.export({ format: 'jwk' })
    expect(publicJwk).toMatchObject(half)
    const other = (await vault.generateKeyPair('event')).publicJwk.kid
    for (const context of [{ purpose: 'access', kid }, { purpose: 'event', kid: other }, { purpose: 'event' }, { kid }])
      await expect(vault.open(sealed, context as Record<string, string>)).rejects.toThrow()
  })

  it('opens nothing that was changed', async () => {
    const vault = open()
    const sealed = Buffer.from(await vault.seal(Buffer.from('secret'), { a: '1' }), 'base64')
    for (let index = 0; index < sealed.length; index += 5) {
      const changed = Buffer.from(sealed)
      changed[index] = (changed[index] ?? 0) ^ 1
      await expect(vault.open(changed.toString('base64'), { a: '1' })).rejects.toThrow()
    }
    for (const broken of ['', 'AA==', sealed.subarray(0, 20).toString('base64')])
      await expect(vault.open(broken, { a: '1' })).rejects.toThrow()
  })
})

it('takes the order of a context for nothing', async () => {
  const vault = developmentVault()
  const sealed = await vault.seal(Buffer.from('x'), { a: '1', b: '2' })
  expect(Buffer.from(await vault.open(sealed, { b: '2', a: '1' })).toString()).toBe('x')
})

describe('the KMS vault, command by command', () => {
  const keyId = 'arn:aws:kms:us-east-1:111122223333:key/mock'
  const moment = instant('2026-10-01T00:00:00Z')

  /** KMS in its client: it makes real pairs and seals them for real, and keeps every private key for the test to look for. */
  function mockedKms() {
    const sealing = developmentVault()
    const privateKeys: { d: string; pkcs8: Buffer }[] = []
    const client = new KMSClient({ region: 'us-east-1' })
    const mock = mockClient(client)
    const bytes = (sealed: string) => Buffer.from(sealed, 'base64')
    const openedWith = (blob: Uint8Array | undefined, context: Record<string, string> | undefined) =>
      sealing.open(Buffer.from(blob ?? []).toString('base64'), context ?? {}).catch(() => {
        throw new InvalidCiphertextException({ $metadata: {}, message: 'no such ciphertext' })
      })
    mock.on(GenerateDataKeyPairWithoutPlaintextCommand).callsFake(async ({ EncryptionContext }) => {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' })
      privateKeys.push({ d: privateKey.export({ format: 'jwk' }).d ?? '', pkcs8 })
      const PrivateKeyCiphertextBlob = bytes(await sealing.seal(pkcs8, EncryptionContext))
      return { PublicKey: publicKey.export({ type: 'spki', format: 'der' }), PrivateKeyCiphertextBlob }
    })
    mock
      .on(ReEncryptCommand)
      .callsFake(async ({ CiphertextBlob, SourceEncryptionContext, DestinationEncryptionContext }) => ({
        CiphertextBlob: bytes(
          await sealing.seal(await openedWith(CiphertextBlob, SourceEncryptionContext), DestinationEncryptionContext),
        ),
      }))
    mock.on(DecryptCommand).callsFake(async ({ CiphertextBlob, EncryptionContext }) => ({
      Plaintext: await openedWith(CiphertextBlob, EncryptionContext),
    }))
    return { vault: kmsVault(client, keyId), mock, privateKeys }
  }

  it('asks for a pair under its purpose, binds it to its kid inside KMS, and opens it under both', async () => {
    const { vault, mock } = mockedKms()
    const { publicJwk, sealed } = await vault.generateKeyPair('statement')
    const context = { purpose: 'statement', kid: publicJwk.kid }
    await vault.open(sealed, context)
    const inputs = mock.calls().map(({ firstArg }) => [firstArg.constructor.name, firstArg.input])
    expect(inputs).toEqual([
      [
        'GenerateDataKeyPairWithoutPlaintextCommand',
        { KeyId: keyId, KeyPairSpec: 'ECC_NIST_P256', EncryptionContext: { purpose: 'statement' } },
      ],
      [
        'ReEncryptCommand',
        {
          CiphertextBlob: expect.any(Uint8Array),
          SourceKeyId: keyId,
          SourceEncryptionContext: { purpose: 'statement' },
          DestinationKeyId: keyId,
          DestinationEncryptionContext: context,
        },
      ],
      ['DecryptCommand', { KeyId: keyId, CiphertextBlob: Buffer.from(sealed, 'base64'), EncryptionContext: context }],
    ])
  })

  it('opens nothing under another purpose or kid, and says nothing of what is inside', async () => {
    const { vault, privateKeys } = mockedKms()
    const { publicJwk, sealed } = await vault.generateKeyPair('entitlement')
    const { kid } = publicJwk
    for (const context of [
      { purpose: 'access', kid },
      { purpose: 'entitlement', kid: 'x' },
      { purpose: 'entitlement' },
    ]) {
      const error = await vault.open(sealed, context as Record<string, string>).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(InvalidCiphertextException)
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(privateKeys[0]?.d)
    }
  })

  it.each([
    ['a pair', GenerateDataKeyPairWithoutPlaintextCommand],
    ['a bound ciphertext', ReEncryptCommand],
    ['a plaintext', DecryptCommand],
  ])('fails where KMS answers without %s', async (_, command) => {
    const { vault, mock } = mockedKms()
    const { sealed, publicJwk } = await vault.generateKeyPair('event')
    mock.on(command as typeof DecryptCommand).resolves({})
    const both = vault.generateKeyPair('event').then(() => vault.open(sealed, { purpose: 'event', kid: publicJwk.kid }))
    await expect(both).rejects.toThrow(/^KMS answered without a/)
  })

  it('lets a key ring sign for every purpose, one Decrypt each, and no item of the table has a private key', async () => {
    const { vault, mock, privateKeys } = mockedKms()
    const { table } = await freshTable()
    const now = () => moment
    const keys = keyRing({ table, vault, now, wallNow: now, random: systemRandom })
    for (const purpose of KeyPurpose.options) {
      const tokens = await Promise.all(Array.from({ length: 5 }, () => keys.sign(purpose, 'x+jwt', { purpose })))
      const [jwk] = await keys.publicKeysFor(purpose)
      for (const token of tokens) await compactVerify(token, await importJWK({ ...jwk }, 'ES256'))
    }
    expect(mock.commandCalls(DecryptCommand)).toHaveLength(KeyPurpose.options.length)
    expect(privateKeys).toHaveLength(2 * KeyPurpose.options.length)
    const items = await table.all(recordType('any', z.looseObject({})), { partition: 'KEYS' })
    expect(items).toHaveLength(privateKeys.length)
    const text = JSON.stringify(items)
    const sealedBytes = (items as { sealed: string }[]).map(({ sealed }) => Buffer.from(sealed, 'base64'))
    for (const { d, pkcs8 } of privateKeys) {
      const scalar = Buffer.from(d, 'base64url')
      for (const form of ['base64', 'base64url', 'hex'] as const) expect(text).not.toContain(scalar.toString(form))
      expect(text).not.toContain(pkcs8.toString('base64'))
      for (const sealed of sealedBytes) expect(sealed.includes(scalar)).toBe(false)
    }
  })
})
