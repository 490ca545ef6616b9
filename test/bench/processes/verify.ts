import { Buffer } from 'node:buffer'
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { JwtVerifier } from 'aws-jwt-verify'
import { createVerifier as createFastVerifier } from 'fast-jwt'
import { importJWK, jwtVerify } from 'jose'
// biome-ignore lint/correctness/noUnresolvedImports: CommonJS, of which Node sees the default export alone
import jsonwebtoken from 'jsonwebtoken'
import { createVerifier } from '../../../sdk/index.ts'
import { audience, entitlementType, issuer, type Tokens } from '../tokens.ts'
import { answering, processorMicroseconds } from './answering.ts'

/** Verifies a token and does nothing with it. `place` is where it stands among the tokens. @throws when it is not good */
type Contender = (token: string, place: number) => unknown

let contenders: Record<string, Contender> = {}
let texts: Buffer[] = []
/** Where each contender's turn through the tokens stands, over all its runs. */
const turns = new Map<string, number>()

answering({ prepare, judge, run })

async function prepare(material: Tokens): Promise<void> {
  texts = material.tokens.map(token => Buffer.from(token, 'latin1'))
  const key = createPublicKey(material.pem)
  contenders = { ...raw(material, key), ...kit(material), ...(await peers(material, key)) }
  for (const name of Object.keys(contenders)) if (!name.startsWith('raw')) await assertJudges(name)
}

/** The oddities that a contender takes for good. */
async function judge({ contender, odd }: Pick<Tokens, 'odd'> & { contender: string }): Promise<string[]> {
  const taken: string[] = []
  for (const { oddity, token } of odd) if (await takes(contenderOf(contender), token)) taken.push(oddity)
  return taken
}

type Run = { contender: string; milliseconds: number; tokens: number }
/** `perSecond` of elapsed time, one after another; processor time counts all threads. */
export type Ran = { perSecond: number; microseconds: number; processorMicroseconds: number }

const batch = 50

/** @param tokens how many of the tokens take turns: all of them, or the few that a cache holds */
async function run({ contender: name, milliseconds, tokens }: Run): Promise<Ran> {
  const contender = contenderOf(name)
  let [nanoseconds, processor, operations] = [0, 0, 0]
  while (nanoseconds < milliseconds * 1e6) {
    const at = turns.get(name) ?? 0
    turns.set(name, at + batch)
    // Each token is new text, as each request brings it: nothing that an engine keeps about a string may help.
    const fresh = Array.from({ length: batch }, (_token, step) => {
      const place = (at + step) % tokens
      return { place, token: texts[place]?.toString('latin1') ?? '' }
    })
    const used = processorMicroseconds()
    const started = process.hrtime.bigint()
    for (const { token, place } of fresh) {
      const answer = contender(token, place)
      if (answer instanceof Promise) await answer
    }
    nanoseconds += Number(process.hrtime.bigint() - started)
    processor += processorMicroseconds() - used
    operations += batch
  }
  return {
    perSecond: (operations / nanoseconds) * 1e9,
    microseconds: nanoseconds / 1000 / operations,
    processorMicroseconds: processor / operations,
  }
}

function contenderOf(name: string): Contender {
  const found = contenders[name]
  if (!found) throw new Error(`no contender ${name}`)
  return found
}

/**
 * The floor: OpenSSL's work through Node's binding, on bytes that lie ready. A JWS carries the signature as r and s
 * (RFC 7518 §3.4); as DER, for which a caller would have to turn it first, Node checks it a little faster.
 */
function raw({ tokens }: Tokens, key: KeyObject): Record<string, Contender> {
  const parts = tokens.map(token => {
    const end = token.lastIndexOf('.')
    const signature = Buffer.from(token.slice(end + 1), 'base64url')
    return { input: Buffer.from(token.slice(0, end), 'latin1'), signature, der: derOf(signature) }
  })
  const options = { key, dsaEncoding: 'ieee-p1363' as const }
  return {
    raw(_token, place) {
      const part = parts[place]
      if (!part || !verify('sha256', part.input, options, part.signature)) throw new Error('refused')
    },
    'raw der'(_token, place) {
      const part = parts[place]
      if (!part || !verify('sha256', part.input, key, part.der)) throw new Error('refused')
    },
  }
}

/** SEQUENCE of two INTEGERs (X.690 §8.3): no leading zeros, but one before a first bit that would mean a sign. */
function derOf(signature: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    const first = bytes.findIndex(byte => byte !== 0)
    const digits = bytes.subarray(first === -1 ? bytes.length - 1 : first)
    const signed = (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), digits]) : digits
    return Buffer.concat([Buffer.of(0x02, signed.length), signed])
  }
  const body = Buffer.concat([integer(signature.subarray(0, 32)), integer(signature.subarray(32))])
  return Buffer.concat([Buffer.of(0x30, body.length), body])
}

function kit({ jwk }: Tokens): Record<string, Contender> {
  const fetch = async () =>
    new Response(JSON.stringify({ keys: [jwk] }), {
      headers: { 'content-type': 'application/jwk-set+json', 'cache-control': 'max-age=300' },
    })
  const options = { issuer, audience, fetch }
  const plain = createVerifier({ ...options, cache: false })
  const cached = createVerifier(options)
  const missed = createVerifier(options)
  return {
    kit: token => plain.verify(token),
    'kit missed': token => missed.verify(token),
    'kit cached': token => cached.verify(token),
  }
}

/** Each as its own documentation shows it for one issuer, one audience and one algorithm, given the key at once. */
async function peers({ jwk, pem }: Tokens, key: KeyObject): Promise<Record<string, Contender>> {
  const webKey = await importJWK({ kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }, 'ES256')
  const judged = { issuer, audience, algorithms: ['ES256'], typ: entitlementType }
  const fastOptions = {
    key: pem,
    algorithms: ['ES256' as const],
    allowedIss: issuer,
    allowedAud: audience,
    checkTyp: entitlementType,
  }
  const fast = createFastVerifier({ ...fastOptions, cache: false })
  const fastMissed = createFastVerifier({ ...fastOptions, cache: true })
  const fastCached = createFastVerifier({ ...fastOptions, cache: true })
  const aws = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/.well-known/jwks.json` })
  aws.cacheJwks({ keys: [{ ...jwk, use: 'sig' }] })
  return {
    jose: token => jwtVerify(token, webKey, judged),
    'fast-jwt': token => fast(token),
    'fast-jwt missed': token => fastMissed(token),
    'fast-jwt cached': token => fastCached(token),
    jsonwebtoken: token => jsonwebtoken.verify(token, key, { algorithms: ['ES256'], issuer, audience }),
    'aws-jwt-verify': token => aws.verifySync(token),
  }
}

/** Nobody is measured who would not take a good token, or who would take a changed one. */
async function assertJudges(name: string): Promise<void> {
  const contender = contenderOf(name)
  const good = texts[0]?.toString('latin1') ?? ''
  await contender(good, 0)
  const middle = good.indexOf('.') + 20
  const changed = good.slice(0, middle) + (good[middle] === 'A' ? 'B' : 'A') + good.slice(middle + 1)
  if (await takes(contender, changed)) throw new Error(`${name} took a token that was changed`)
}

async function takes(contender: Contender, token: string): Promise<boolean> {
  try {
    await contender(token, 0)
    return true
  } catch {
    return false
  }
}
