import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { guardedFetch, isPublic, type OutboundRules } from '../../functions/kernel/outbound.ts'

const servers: Server[] = []
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise(done => server.close(done))
  }
})

const unavailable = (detail: string) => ({ code: 'partner-unavailable', message: expect.stringContaining(detail) })
const rules: OutboundRules = { allowLoopback: true, timeoutMs: 400, maxBytes: 2_000 }
const call = (url: string, changes: Partial<OutboundRules> = {}, init?: RequestInit) =>
  guardedFetch({ ...rules, ...changes })(url, init)

describe('addresses', () => {
  test.each([
    ['203.0.114.7', true],
    ['8.8.8.8', true],
    ['2606:4700::1111', true],
    ['127.0.0.1', false],
    ['127.9.9.9', false],
    ['0.0.0.0', false],
    ['10.1.2.3', false],
    ['172.16.0.1', false],
    ['172.32.0.1', true],
    ['192.168.1.1', false],
    ['169.254.169.254', false],
    ['100.64.0.1', false],
    ['192.0.2.1', false],
    ['198.18.0.1', false],
    ['224.0.0.1', false],
    ['240.0.0.1', false],
    ['255.255.255.255', false],
    ['::', false],
    ['::1', false],
    ['::7f00:1', false],
    ['::ffff:127.0.0.1', false],
    ['::ffff:8.8.8.8', false],
    ['64:ff9b::7f00:1', false],
    ['2002:7f00:1::', false],
    ['2001:db8::1', false],
    ['3fff::1', false],
    ['fe80::1', false],
    ['fec0::1', false],
    ['fc00::1', false],
    ['fd00:ec2::254', false],
    ['ff02::1', false],
    ['not an address', false],
  ])('%s is public: %s', (address, expected) => {
    expect(isPublic(address)).toBe(expected)
  })
})

describe('what is not called at all', () => {
  test.each([
    ['https://127.0.0.1/', 'public internet'],
    ['https://[::1]/', 'public internet'],
    ['https://0x7f.1/', 'public internet'],
    ['https://2130706433/', 'public internet'],
    ['https://[::ffff:169.254.169.254]/', 'public internet'],
    ['http://203.0.114.7/', 'public internet'],
    ['http://169.254.169.254/latest/meta-data/', 'public internet'],
    ['https://user:secret@partner.example/', ''],
    ['ftp://127.0.0.1/', 'not https'],
    ['file:///etc/passwd', 'not https'],
  ])('%s', async (url, detail) => {
    await expect(call(url)).rejects.toMatchObject(unavailable(detail))
  })

  test('loopback http without the permission of npm start', async () => {
    let called = false
    const url = await serve((_request, response) => {
      called = true
      response.end()
    })
    await expect(call(url, { allowLoopback: false })).rejects.toMatchObject(unavailable('not https'))
    expect(called).toBe(false)
  })

  test('a public name whose DNS answers a private address, alone or among good ones', async () => {
    for (const found of [['127.0.0.1'], ['8.8.8.8', '10.0.0.1'], []]) {
      const lookup = async () => found.map(address => ({ address, family: 4 }))
      await expect(call('https://partner.example/', { lookup })).rejects.toMatchObject(unavailable('public internet'))
    }
  })
})

test('the checked address is the one connected to, whatever the name resolves to by then', async () => {
  const url = await serve((request, response) => response.end(`host ${request.headers.host}`))
  const { port } = new URL(url)
  let asked = 0
  const lookup = async () => {
    asked += 1
    return [{ address: asked === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }]
  }
  // This name does not exist anywhere: only the pinned address can answer.
  const response = await call(`http://rebind.invalid:${port}/`, { lookup })
  expect(await response.text()).toBe(`host rebind.invalid:${port}`)
  expect(asked).toBe(1)
})

test('a request arrives whole and the answer comes back with status, headers and body', async () => {
  const url = await serve((request, response) => {
    let body = ''
    request.on('data', chunk => {
      body += chunk
    })
    request.on('end', () => {
      response.writeHead(401, { 'www-authenticate': 'Bearer', 'content-type': 'application/json' })
      response.end(JSON.stringify({ method: request.method, type: request.headers['content-type'], body }))
    })
  })
  const response = await call(url, {}, { method: 'POST', body: new URLSearchParams({ a: 'b c' }) })
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
  expect(await response.json()).toEqual({
    method: 'POST',
    type: 'application/x-www-form-urlencoded;charset=UTF-8',
    body: 'a=b+c',
  })
})

describe('a server that misbehaves', () => {
  test.each<[string, RequestListener, string]>([
    ['redirects', (_q, r) => r.writeHead(302, { location: 'http://169.254.169.254/' }).end(), 'redirects'],
    ['never answers', () => undefined, 'in time'],
    ['announces too much', (_q, r) => r.writeHead(200, { 'content-length': 5_000 }).write('x'), 'too large'],
    ['sends too much', (_q, r) => r.write('x'.repeat(1_500)) && r.write('x'.repeat(1_500)), 'too large'],
    ['compresses', (_q, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end('x'), 'compressed'],
    ['hangs up', (_q, r) => r.destroy(), 'connection failed'],
  ])('%s', async (_name, listener, detail) => {
    const url = await serve(listener)
    await expect(call(url)).rejects.toMatchObject(unavailable(detail))
  })

  test('drips one byte at a time: the time limit is for the whole exchange', async () => {
    const url = await serve((_request, response) => {
      const drip = setInterval(() => response.write('x'), 50)
      response.on('close', () => clearInterval(drip))
    })
    const started = performance.now()
    await expect(call(url)).rejects.toMatchObject(unavailable('in time'))
    expect(performance.now() - started).toBeLessThan(1_500)
  })

  test('DNS that never answers', async () => {
    const lookup = () => new Promise<never>(() => undefined)
    await expect(call('https://partner.example/', { lookup })).rejects.toMatchObject(unavailable('in time'))
  })
})

test('the caller can give up earlier', async () => {
  const url = await serve(() => undefined)
  const started = performance.now()
  await expect(call(url, { timeoutMs: 10_000 }, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject(
    unavailable('failed'),
  )
  expect(performance.now() - started).toBeLessThan(2_000)
})
