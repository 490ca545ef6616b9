import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createVerifier } from '../../sdk/index.ts'
import { catalogue } from '../../sdk/testing/catalogue.ts'
import { corpus, createTestIssuer, validTokens } from '../../sdk/testing/index.ts'
import { readSettings, UsageError } from '../../sdk/testing/mint-options.ts'
import { unknownName } from '../../sdk/testing/mint-serve.ts'
import { help, hint, mintCommand, table } from '../../sdk/testing/mint-text.ts'
import { outcome } from './attack-scene.ts'
import { endAll, mint, type Ran, root, run } from './mint-process.ts'

afterEach(endAll)

describe('without options', () => {
  let listed: Ran
  beforeAll(async () => {
    listed = await mint()
  })

  test('it lists every token with its code, and says how to get one', () => {
    expect(listed).toMatchObject({ code: 0, stderr: '' })
    const rows = listed.stdout.split('\n').map(line => line.trim().split(/ {2,}/))
    for (const { name, code, what } of corpus) expect(rows).toContainEqual([name, code, what])
    for (const { name, what } of validTokens) expect(rows).toContainEqual([name, 'accepted', what])
    expect(listed.stdout).toContain('npm run -s mint -- revoked')
  })

  test('it prints no token', () => expect(listed.stdout).not.toContain('eyJ'))

  test('--json lists the same for programs', async () => {
    const { stdout, code } = await mint('--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toHaveLength(corpus.length + validTokens.length)
    expect(JSON.parse(stdout)).toContainEqual(expect.objectContaining({ name: 'revoked', expected: 'token-revoked' }))
  })
})

describe('a name', () => {
  test('prints that token alone, and the hints beside it', async () => {
    const { stdout, stderr, code } = await mint('trailing-newline')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(stderr).toContain('token-whitespace')
    expect((await mint('valid')).stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  test('may be asked for through npm', async () => {
    const { stdout } = await run('npm', ['run', '--silent', 'mint', '--', 'valid'], { cwd: root })
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  })

  test('prints what another process verifies', async () => {
    const { issuer, fetch } = createTestIssuer({ keys: 'published', audience: 'eleme' })
    const verifier = createVerifier({ issuer, fetch, audience: 'eleme' })
    const { stdout } = await mint('valid', '--partner', 'eleme', '--benefit', 'eleme-5off', '--ttl', '60')
    const entitled = await verifier.verify(stdout)
    expect(entitled.has('eleme-5off')).toBe(true)
    expect(entitled.expiresAt - entitled.issuedAt).toBe(60)
  })

  test('prints what the keys of --jwks verify', async () => {
    const [{ stdout: token }, { stdout: keys }] = await Promise.all([mint('valid'), mint('--jwks')])
    const fetch = async () => new Response(keys)
    const verifier = createVerifier({ issuer: 'http://localhost:8790', audience: 'youku', fetch })
    expect(await outcome(verifier.verify(token))).toBe('accepted')
    expect(keys).not.toContain('"d"')
  })

  test('--json says what is expected of it', async () => {
    const { stdout } = await mint('revoked', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ name: 'revoked', expected: 'token-revoked', needsStatus: true })
  })
})

describe('--all', () => {
  test('prints a line a token', async () => {
    const { stdout, code } = await mint('--all')
    expect(code).toBe(0)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(corpus.length + validTokens.length)
    expect(lines.filter(line => line.split('\t').length !== 3)).toEqual([])
  })

  test('--json prints each with its code', async () => {
    const all = JSON.parse((await mint('--all', '--json')).stdout) as {
      name: string
      expected: string
      token: string
    }[]
    expect(all.map(({ name, expected }) => [name, expected])).toEqual([
      ...validTokens.map(({ name }) => [name, 'accepted']),
      ...corpus.map(({ name, code }) => [name, code]),
    ])
    expect(all.filter(({ token }) => typeof token !== 'string')).toEqual([])
  })
})

test('built, it is called by the package’s name', () => {
  const command = mintCommand('file:///partner/node_modules/@tessera/partner-kit/dist/testing/mint.js')
  const issuer = createTestIssuer({ keys: 'published' })
  const [listed] = catalogue
  if (listed === undefined) throw new Error('no tokens')
  for (const text of [help(command), table(issuer, command), hint(listed, issuer, command)]) {
    expect(text).toContain('npx @tessera/partner-kit --serve')
    expect(text).not.toContain('npm run')
  }
  expect(unknownName('xyzzyxyzzy', command)).toContain('See the names with: npx @tessera/partner-kit')
})

describe('a mistake', () => {
  test.each([
    ['a name that is none', ['revokd'], 'Did you mean revoked?'],
    ['an unknown option', ['--partners', 'youku'], "Unknown option '--partners'"],
    ['an https issuer', ['--issuer', 'https://tessera.example', '--serve'], 'keys that everybody has'],
  ])('%s is answered on stderr with exit code 2', async (_, args, said) => {
    const { stdout, stderr, code } = await mint(...args)
    expect([stdout, code]).toEqual(['', 2])
    expect(stderr).toContain(said)
    expect(stderr).toMatch(/\nHelp: npm run mint -- --help\n$/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  test.each([
    ['two names', ['valid', 'revoked'], 'One token at a time'],
    ['an unknown option', ['--partners', 'youku'], "Unknown option '--partners'"],
    ['a name and --all', ['valid', '--all'], 'exclude one another'],
    ['an https issuer', ['--issuer', 'https://tessera.example'], 'keys that everybody has'],
    ['an issuer on another machine', ['--issuer', 'http://10.0.0.1:8790'], 'keys that everybody has'],
    [
      'an issuer that looks like this machine',
      ['--issuer', 'http://localhost.attacker.example'],
      'http://localhost:9000',
    ],
    ['an issuer with credentials', ['--issuer', 'http://localhost@attacker.example'], 'http://localhost:9000'],
    ['an issuer that is no address', ['--issuer', 'localhost'], 'http://localhost:9000'],
    ['two ports', ['--issuer', 'http://localhost:9000', '--port', '9001'], 'different ports'],
    ['a port that is none', ['--port', '70000'], 'from 0 to 65535'],
    ['too short a life', ['--ttl', '59'], 'from 60 to 3600'],
    ['a life in words', ['--ttl', '15m'], 'from 60 to 3600'],
    ['a partner with a space', ['--partner', 'you ku'], 'lower-case letters'],
    ['a partner that is a path', ['--partner', '../eleme'], 'lower-case letters'],
    ['two partners', ['--partner', 'youku', '--audience', 'eleme'], 'they differ'],
  ])('%s is refused', (_, args, said) => {
    expect(() => readSettings(args)).toThrow(UsageError)
    expect(() => readSettings(args)).toThrow(said)
  })

  test.each([
    ['revokd', 'Did you mean revoked?'],
    ['bomb', 'Did you mean list-bomb?'],
    ['ALG_NONE', 'Did you mean alg-none'],
    ['xyzzyxyzzyxyzzy', 'See the names with: npm run mint'],
    ['x'.repeat(100_000), 'See the names with: npm run mint'],
  ])('the unknown name %.20s is answered with near ones', (name, said) => {
    expect(unknownName(name, mintCommand('file:///repo/sdk/testing/mint.ts'))).toContain(said)
  })

  test('--help is none', async () => {
    const { stdout, stderr, code } = await mint('--help')
    expect([stderr, code]).toEqual(['', 0])
    for (const option of [
      '--all',
      '--json',
      '--jwks',
      '--serve',
      '--port',
      '--issuer',
      '--partner',
      '--benefit',
      '--ttl',
    ]) {
      expect(stdout).toContain(option)
    }
  })
})
