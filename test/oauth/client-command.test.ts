import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { findClient } from '../../functions/oauth/store.ts'
import { freshTable } from '../support/table.ts'

/** `npm run client`, as an operator types it. */
const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'tessera-client-'))
let world: Awaited<ReturnType<typeof freshTable>>

beforeAll(async () => {
  world = await freshTable()
})
afterAll(() => rmSync(folder, { recursive: true }))

async function command(...args: string[]): Promise<{ code: number; output: string }> {
  const env = {
    PATH: process.env['PATH'],
    TABLE_NAME: world.tableName,
    DYNAMODB_ENDPOINT: world.endpoint,
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
  }
  const node = ['--import', 'tsx', 'functions/client.ts', ...args]
  return promisify(execFile)(process.execPath, node, { cwd: root, env }).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: { code: number; stderr: string }) => ({ code: error.code, output: error.stderr }),
  )
}

describe('npm run client', () => {
  it('makes a secret, shows it once and stores its hash only', async () => {
    const { code, output } = await command(
      '--id',
      'iqiyi',
      '--brand',
      'iqiyi',
      '--partner',
      'iqiyi',
      '--scopes',
      'usage:write',
    )
    expect(code).toBe(0)
    const [, secret = ''] = /shown this once: (\S+)/.exec(output) ?? []
    expect(secret.length).toBeGreaterThan(40)
    const stored = await findClient(world.table, 'iqiyi')
    expect(stored).toMatchObject({ partner: 'iqiyi', scopes: ['usage:write'], secretHash: sha256(secret) })
    expect(JSON.stringify(stored)).not.toContain(secret)
  })

  it('takes public keys, and refuses a private one', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const file = (name: string, key: typeof publicKey) => {
      const path = join(folder, name)
      writeFileSync(path, JSON.stringify({ keys: [{ ...key.export({ format: 'jwk' }), kid: '1', alg: 'ES256' }] }))
      return path
    }
    const args = ['--id', 'jd', '--brand', 'jd', '--scopes', 'finance:read', '--jwks']
    const refused = await command(...args, file('private.json', privateKey))
    expect(refused.code).toBe(1)
    expect(refused.output).toContain('/jwks/keys/0')
    expect(refused.output).not.toContain('"d"')
    expect(await findClient(world.table, 'jd')).toBeUndefined()
    expect((await command(...args, file('public.json', publicKey))).code).toBe(0)
    expect(await findClient(world.table, 'jd')).toMatchObject({ authentication: 'private_key_jwt' })
  })

  it('names every unknown scope and missing brand', async () => {
    const { code, output } = await command('--id', 'x', '--scopes', 'everything')
    expect(code).toBe(1)
    expect(output).toContain('brand')
    expect(output).toContain('scopes[0]')
  })
})
