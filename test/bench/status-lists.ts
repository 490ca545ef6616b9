import { createCipheriv, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { setStatus, statusAt, statusListUri } from '../../functions/tokens/status-list.ts'
import { listClaims } from '../../functions/tokens/status-list-token.ts'
import { indexOfDraw } from '../../functions/tokens/status-order.ts'
import { statusListSize, tokenStatus } from '../../schemas/status-list.ts'
import { decoded } from '../support/status-bits.ts'

const links = 1_000_000
const [invalidShare, suspendedShare] = [0.02, 0.005]
const issuer = 'https://tessera.example'

/**
 * The status lists of a partner with 1,000,000 links, of which 2 % are invalid and 0.5 % suspended: bytes of each form,
 * CPU milliseconds of each step (the median of all lists and repetitions), and how many requests a verifier makes.
 */
export async function statusListFigures() {
  const orderKey = new Uint8Array(32).fill(7)
  // A thousand draws: their milliseconds are the microseconds of one.
  const drawing = milliseconds(() => {
    for (let draw = 0; draw < 1000; draw++) indexOfDraw(orderKey, draw)
  })
  const lists = fullLists()
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }))
  const times = { encode: [] as number[], sign: [] as number[], verify: [] as number[], decode: [] as number[] }
  const bytes = { raw: 0, compressed: 0, jwt: 0 }
  for (const [place, list] of lists.entries()) {
    for (let repetition = 0; repetition < 5; repetition++) {
      const sub = statusListUri(issuer, 'youku', place + 1)
      let claims = listClaims(sub, { issuer, bytes: list, iat: 1_800_000_000 })
      times.encode.push(
        milliseconds(() => {
          claims = listClaims(sub, { issuer, bytes: list, iat: 1_800_000_000 })
        }),
      )
      let jwt = ''
      times.sign.push(
        milliseconds(() => {
          jwt = signed(claims, privateKey)
        }),
      )
      let inflated = new Uint8Array()
      times.verify.push(milliseconds(() => isSigned(jwt, spki)))
      times.decode.push(
        milliseconds(() => {
          const { status_list } = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
          inflated = Uint8Array.from(decoded(status_list.lst, statusListSize / 4))
        }),
      )
      if (Buffer.compare(inflated, list) !== 0) throw new Error('a list does not come back as it was')
      if (repetition > 0) continue
      bytes.raw += list.length
      bytes.compressed += Buffer.from(claims.status_list.lst, 'base64url').length
      bytes.jwt += jwt.length
    }
  }
  return {
    columns: [`a partner with ${links.toLocaleString('en')} links, 2 % invalid, 0.5 % suspended`, 'value'],
    rows: [
      ['lists (requests to hold all of them, per minute)', `${lists.length}`],
      ['raw, all lists', kilobytes(bytes.raw)],
      ['zlib, all lists', kilobytes(bytes.compressed)],
      ['signed tokens, all lists', kilobytes(bytes.jwt)],
      ['signed token, one list', kilobytes(bytes.jwt / lists.length)],
      ['CPU: one draw of an index', `${drawing.toFixed(0)} µs`],
      ['CPU: encode one list', `${median(times.encode).toFixed(2)} ms`],
      ['CPU: sign one list', `${median(times.sign).toFixed(2)} ms`],
      ['CPU: verify the signature of one list', `${median(times.verify).toFixed(2)} ms`],
      ['CPU: parse and inflate one list', `${median(times.decode).toFixed(2)} ms`],
    ],
  }
}

/** The lists after a million draws; the states are the same ones each time, so that the bytes are too. */
function fullLists(): Uint8Array[] {
  const drawAt = uniform(links)
  const lists = Array.from({ length: Math.ceil(links / statusListSize) }, () => new Uint8Array(statusListSize / 4))
  for (let link = 0; link < links; link++) {
    const draw = drawAt(link)
    const list = lists[Math.floor(link / statusListSize)]
    // The order of the draws is a permutation, so links taken one after another are as random as any.
    if (list && draw < invalidShare) setStatus(list, link % statusListSize, tokenStatus.invalid)
    else if (list && draw < invalidShare + suspendedShare) setStatus(list, link % statusListSize, tokenStatus.suspended)
  }
  const counted = [0, 0, 0]
  for (let link = 0; link < links; link++) {
    const status = statusAt(lists[Math.floor(link / statusListSize)] ?? new Uint8Array(), link % statusListSize) ?? 0
    counted[status] = (counted[status] ?? 0) + 1
  }
  const [, invalid = 0, suspended = 0] = counted
  if (Math.abs(invalid / links - invalidShare) > 0.001 || Math.abs(suspended / links - suspendedShare) > 0.001)
    throw new Error('the lists are not filled as said')
  return lists
}

const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

function signed(claims: object, key: Parameters<typeof sign>[2] & object): string {
  const input = `${segment({ alg: 'ES256', typ: 'statuslist+jwt', kid: 'x'.repeat(43) })}.${segment(claims)}`
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' } as never).toString('base64url')}`
}

function isSigned(jwt: string, key: ReturnType<typeof createPublicKey>): void {
  const end = jwt.lastIndexOf('.')
  const signature = Buffer.from(jwt.slice(end + 1), 'base64url')
  const isGood = verify('sha256', Buffer.from(jwt.slice(0, end)), { key, dsaEncoding: 'ieee-p1363' }, signature)
  if (!isGood) throw new Error('a list does not verify')
}

/** Of CPU, so that what else the machine does does not count. */
function milliseconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const kilobytes = (bytes: number): string => `${Math.round(bytes).toLocaleString('en')} bytes`

/** Numbers from 0 to 1, the same ones again each time: a cipher's key stream under a fixed key. */
function uniform(count: number): (place: number) => number {
  const stream = createCipheriv('aes-128-ctr', new Uint8Array(16), new Uint8Array(16)).update(Buffer.alloc(4 * count))
  return place => stream.readUInt32BE(4 * place) / 2 ** 32
}
