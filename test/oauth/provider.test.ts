import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { systemNow } from '../../functions/kernel/clock.ts'
import type { Log } from '../../functions/kernel/log.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { authorizationServer } from '../../functions/oauth/provider.ts'
import { basic, type OAuthParts, oauthParts } from './server.ts'

const issuer = 'https://tessera.example'
const headers = new Headers({
  ...basic('youku', 'youku-secret'),
  'content-type': 'application/x-www-form-urlencoded',
})
const ask = (server: ReturnType<typeof authorizationServer>) => server.token(headers, 'grant_type=client_credentials')

function serverOf(
  parts: OAuthParts,
  overrides: { table?: Table; keys?: Pick<OAuthParts['keys'], 'current' | 'secret'> },
) {
  const logged: Parameters<Log>[] = []
  const log: Log = (...line) => logged.push(line)
  return { logged, server: authorizationServer({ ...parts, wallNow: systemNow, log, ...overrides }) }
}

test('the next token after a change of the signing key carries the new key id', async () => {
  const parts = await oauthParts(issuer)
  const other = await oauthParts(issuer)
  let ring = parts.keys
  const { server, logged } = serverOf(parts, {
    keys: { current: purpose => ring.current(purpose), secret: parts.keys.secret },
  })
  const kids = []
  for (const next of [parts.keys, parts.keys, other.keys]) {
    ring = next
    const { access_token } = (await (await ask(server)).json()) as { access_token: string }
    kids.push(decodeProtectedHeader(access_token).kid)
  }
  const [first, second] = [(await parts.keys.current('access')).kid, (await other.keys.current('access')).kid]
  expect(kids).toEqual([first, first, second])
  expect(logged).toEqual([])
})

test('a broken table is a logged server_error that tells nothing', async () => {
  const parts = await oauthParts(issuer)
  const table = { ...parts.table, get: () => Promise.reject(new Error('item youku-secret')) } as Table
  const { server, logged } = serverOf(parts, { table })
  const response = await ask(server)
  const text = await response.text()
  expect([response.status, JSON.parse(text).error]).toEqual([500, 'server_error'])
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(text + JSON.stringify(logged)).not.toContain('youku-secret')
  expect(logged).toMatchObject([['error', 'oauth-failed', { error: 'Error' }]])
})

test('a server whose secret could not be had works when it can', async () => {
  const parts = await oauthParts(issuer)
  let failures = 1
  const secret = (name: string) => (failures-- > 0 ? Promise.reject(new Error('vault')) : parts.keys.secret(name))
  const { server } = serverOf(parts, { keys: { current: parts.keys.current, secret } })
  await expect(ask(server)).rejects.toThrow('vault')
  expect((await ask(server)).status).toBe(200)
})
