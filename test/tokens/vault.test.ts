import { KMSClient } from '@aws-sdk/client-kms'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  developmentVault,
  importPrivateKey,
  importPublicKey,
  kmsVault,
  type Vault,
} from '../../functions/tokens/vault.ts'
import { type Kms, startKms } from '../support/kms.ts'

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

  it('makes pairs whose halves fit, the private one sealed to its purpose', async () => {
    const vault = open()
    const { publicKey, sealed } = await vault.generateKeyPair({ purpose: 'event' })
    const privateKey = importPrivateKey(await vault.open(sealed, { purpose: 'event' }))
    expect(importPublicKey(publicKey).export({ format: 'jwk' })).toMatchObject({ crv: 'P-256' })
    const { d: _d, ...half } = privateKey.export({ format: 'jwk' })
    expect(importPublicKey(publicKey).export({ format: 'jwk' })).toEqual(half)
    await expect(vault.open(sealed, { purpose: 'access' })).rejects.toThrow()
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
