import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { RefusalCode } from '../../sdk/index.ts'
import {
  type Attack,
  corpus,
  createTestIssuer,
  forgeries,
  type OfferedTo,
  validTokens,
} from '../../sdk/testing/index.ts'
import { kitFor, NOW, outcome, scene, type Verify } from './attack-scene.ts'

const expectedOf = ({ code, because }: Attack): string => (because === undefined ? code : `${code} because ${because}`)
const groups = new Set(corpus.map(({ group }) => group))

describe.each([...groups])('%s', group => {
  test.each(corpus.filter(row => row.group === group))('$name → $code: $what', async attack => {
    const { clock, issuer } = scene()
    const verify = kitFor(attack.offeredTo, issuer)
    const token = attack.make(issuer)
    if (attack.acceptedBeforeSeconds !== undefined) {
      expect(await outcome(verify(token))).toBe('accepted')
      clock.now += attack.acceptedBeforeSeconds
    }
    expect(await outcome(verify(token))).toBe(expectedOf(attack))
    // A verifier that remembers must not remember wrongly.
    expect(await outcome(verify(token))).toMatch(attack.code)
    if (!attack.needsStatus) {
      expect(await outcome(kitFor(attack.offeredTo, issuer, false)(token))).toBe(expectedOf(attack))
    }
  })
})

describe.each(['receipt', 'statement', 'event'] as const)('a spoiled %s', kind => {
  test.each(forgeries)('$name → $code: $what', async ({ forge, code }) => {
    const { issuer } = scene()
    expect(await outcome(kitFor(kind, issuer)(forge(issuer.genuine(kind))))).toBe(code)
  })

  test('passes when nothing is wrong with it', async () => {
    const { issuer } = scene()
    expect(await outcome(kitFor(kind, issuer)(issuer.sign(kind)))).toBe('accepted')
  })
})

describe('valid', () => {
  test.each(validTokens)('$name: $what', async ({ make }) => {
    const { issuer } = scene()
    const token = make(issuer)
    for (const checkStatus of [true, false]) {
      const verifier = kitFor('entitlement', issuer, checkStatus)
      const entitled = await verifier(token)
      expect(entitled).toMatchObject({ linkId: 'lnk_01J00000000000000000000000' })
      // The second answer comes from memory.
      expect(JSON.stringify(await verifier(token))).toBe(JSON.stringify(entitled))
    }
  })
})

describe('the corpus', () => {
  test('has rows of distinct, kebab-case names', () => {
    const names = [...corpus, ...validTokens].map(({ name }) => name)
    expect(names.filter(name => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([])
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
    expect(corpus.length).toBeGreaterThan(250)
  })

  const atOnce = corpus.filter(({ acceptedBeforeSeconds }) => acceptedBeforeSeconds === undefined)

  test('makes all its tokens for one issuer at one time, and each is still refused with its code', async () => {
    const issuer = createTestIssuer({ issuer: 'https://tessera.example', now: () => NOW, ttlSeconds: 60 })
    const offered = atOnce.map(attack => ({ attack, token: attack.make(issuer) }))
    for (const { attack, token } of offered) {
      expect(await outcome(kitFor(attack.offeredTo, issuer)(token)), attack.name).toBe(expectedOf(attack))
    }
  })

  test('is refused alike by verifiers that remember keys, headers, lists and good tokens', async () => {
    const { issuer } = scene()
    const offered = atOnce.map(attack => ({ attack, token: attack.make(issuer) }))
    const kinds = ['entitlement', 'receipt', 'statement', 'event'] as const
    const kit = Object.fromEntries(kinds.map(kind => [kind, kitFor(kind, issuer)])) as Record<OfferedTo, Verify>
    for (const kind of kinds) expect(await outcome(kit[kind](issuer.sign(kind)))).toBe('accepted')
    for (const { attack, token } of offered) {
      expect(await outcome(kit[attack.offeredTo](token)), attack.name).toBe(expectedOf(attack))
    }
    for (const kind of kinds) expect(await outcome(kit[kind](issuer.sign(kind)))).toBe('accepted')
  })

  /** Codes that no token alone brings about, and the test in this folder that does. */
  const elsewhere: Partial<Record<RefusalCode, string>> = {
    'token-not-a-string': 'attacks.test.ts',
    'keys-timeout': 'issuer-keys.test.ts',
    'keys-too-large': 'issuer-keys.test.ts',
    'keys-redirected': 'issuer-keys.test.ts',
    'keys-unavailable': 'issuer-keys.test.ts',
    'keys-invalid': 'issuer-keys.test.ts',
    'status-list-timeout': 'status-lists.test.ts',
    'event-exp-present': 'events.test.ts',
    'event-sub-present': 'events.test.ts',
    'event-subject-invalid': 'events.test.ts',
    'event-events-invalid': 'events.test.ts',
    'event-replayed': 'events.test.ts',
    'pass-too-long': 'passes.test.ts',
    'pass-replayed': 'passes.test.ts',
    'pass-expired': '../passes/gateway-claims.test.ts',
    'pass-not-found': '../passes/gateway-claims.test.ts',
    'nothing-entitled': '../passes/gateway-claims.test.ts',
    'pass-gateway-unavailable': '../passes/gateway-claims.test.ts',
    'statement-invalid': 'statement.test.ts',
    'statement-hash-mismatch': 'statement.test.ts',
    'statement-parties-mismatch': 'statement.test.ts',
    'statement-sums-wrong': 'statement.test.ts',
    'statement-chain-broken': 'statement.test.ts',
  }

  test('reaches every code of the kit, or another test does', () => {
    const source = readFileSync(join(import.meta.dirname, '../../sdk/refused.ts'), 'utf8')
    const codes = [...source.matchAll(/^ {2}'([a-z0-9-]+)':/gm)].map(([, code = '']) => code)
    expect(codes.length).toBeGreaterThan(60)
    const reached = new Set<string>(corpus.map(({ code }) => code))
    expect(codes.filter(code => !reached.has(code) && !(code in elsewhere))).toEqual([])
    for (const [code, file] of Object.entries(elsewhere)) {
      expect(reached.has(code), `${code} needs no exception`).toBe(false)
      expect(readFileSync(join(import.meta.dirname, file), 'utf8'), `${file} reaches ${code}`).toContain(`'${code}'`)
    }
  })

  test.each([undefined, null, 7, {}, ['a.b.c'], { toString: () => 'a.b.c' }])(
    'is of strings: %j is none',
    async none => {
      const { issuer } = scene()
      for (const kind of ['entitlement', 'receipt', 'statement', 'event'] as const) {
        expect(await outcome(kitFor(kind, issuer)(none as unknown as string))).toBe('token-not-a-string')
      }
    },
  )
})
