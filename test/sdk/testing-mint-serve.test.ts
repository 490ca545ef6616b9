import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { corpus, type OfferedTo, validTokens } from '../../sdk/testing/index.ts'
import { kitFor, outcome } from './attack-scene.ts'
import { endAll, mint, root, run, serving } from './mint-process.ts'

afterEach(endAll)

interface Served {
  readonly name: string
  readonly expected: string
  readonly offeredTo: OfferedTo
  readonly acceptedBeforeSeconds?: number
  readonly token: string
}

describe('--serve', () => {
  const systemNow = () => Math.floor(Date.now() / 1000)

  /** Verifiers over the network, as a partner has them; their clock may run ahead. */
  function verifiersOf(issuer: string, now = systemNow) {
    const served = { issuer, audience: 'youku', now, fetch }
    const kit = {
      entitlement: kitFor('entitlement', served),
      receipt: kitFor('receipt', served),
      statement: kitFor('statement', served),
      event: kitFor('event', served),
    }
    return async (offeredTo: OfferedTo, token: string) => {
      const [code] = (await outcome(kit[offeredTo](token))).split(' because ')
      return code
    }
  }

  test('every token it serves meets the kit as it says', { timeout: 60_000 }, async () => {
    const { url } = await serving('--port', '0')
    const all = (await (await fetch(`${url}/tokens`)).json()) as Served[]
    expect(all.length).toBe(corpus.length + validTokens.length)
    const verify = verifiersOf(url)
    for (const { name, expected, offeredTo, acceptedBeforeSeconds, token } of all) {
      const first = acceptedBeforeSeconds === undefined ? expected : 'accepted'
      expect(await verify(offeredTo, token), name).toBe(first)
    }
    const [replayed] = all.filter(({ acceptedBeforeSeconds }) => acceptedBeforeSeconds !== undefined)
    if (!replayed) throw new Error('no token is for a second look')
    let ahead = 0
    const later = verifiersOf(url, () => systemNow() + ahead)
    const token = await (await fetch(`${url}/tokens/${replayed.name}`)).text()
    expect(await later('entitlement', token)).toBe('accepted')
    ahead = replayed.acceptedBeforeSeconds ?? 0
    expect(await later('entitlement', token)).toBe(replayed.expected)
  })

  test('a token of another process verifies against it, revoked ones included', async () => {
    const { url } = await serving('--port', '0')
    const verify = verifiersOf(url)
    for (const [name, code] of [
      ['valid', 'accepted'],
      ['revoked', 'token-revoked'],
      ['list-bomb', 'status-list-too-large'],
    ] as const) {
      expect(await verify('entitlement', (await mint(name, '--issuer', url)).stdout)).toBe(code)
    }
  })

  test('SIGINT and SIGTERM stop it cleanly', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const { child, ended, url } = await serving('--port', '0')
      expect((await fetch(`${url}/tokens/valid`)).status).toBe(200)
      child.kill(signal)
      expect(await ended).toMatchObject({ code: 0, stderr: '' })
      await expect(fetch(`${url}/tokens/valid`)).rejects.toThrow()
    }
  })

  test('a port that is taken is named, with exit code 1', async () => {
    const { url } = await serving('--port', '0')
    const { stdout, stderr, code } = await mint('--serve', '--port', new URL(url).port)
    expect([stdout, code]).toEqual(['', 1])
    expect(stderr).toBe(`Port ${new URL(url).port} is taken: stop what uses it, or choose another\n`)
  })

  test('answers 404 and 405 where there is nothing', async () => {
    const { url } = await serving('--port', '0')
    expect((await fetch(`${url}/tokens/none`)).status).toBe(404)
    expect((await fetch(`${url}/status-lists/youku/2`)).status).toBe(404)
    expect((await fetch(`${url}/tokens`, { method: 'POST' })).status).toBe(405)
  })
})

describe('the snippet that --serve prints', () => {
  let folder: string
  beforeAll(async () => {
    await mkdir(join(root, 'test-results'), { recursive: true })
    folder = await mkdtemp(join(root, 'test-results/mint-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('has five lines and unlocks', async () => {
    const { welcome } = await serving('--port', '0', '--partner', 'eleme', '--benefit', 'eleme-5off')
    const lines = welcome.split('\n').filter(line => /^ {2}(import|const|console)/.test(line))
    expect(lines).toHaveLength(5)
    // The name resolves to the built package; here the sources are meant.
    const source = lines.join('\n').replace('@tessera/partner-kit', join(root, 'sdk/index.ts'))
    await writeFile(join(folder, 'snippet.mts'), source)
    expect(await run(process.execPath, [join(folder, 'snippet.mts')])).toEqual({ stdout: 'unlocked\n', stderr: '' })
  })
})
