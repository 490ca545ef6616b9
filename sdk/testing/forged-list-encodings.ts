import { Buffer } from 'node:buffer'
import { constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { content, type ListRow } from './list-row.ts'
import { base64url } from './signing.ts'
import { compressed, packStatuses } from './status-lists.ts'

const BOMB_BYTES = 2 ** 26

/** 64 MB of zeros behind 64 KB. Made once: it takes a while. */
let bomb: string | undefined
const bombText = (): string => {
  bomb ??= compressed(new Uint8Array(BOMB_BYTES))
  return bomb
}

const bytes = packStatuses()
const good = () => deflateSync(bytes)

const INVALID = [
  { name: 'list-bits-3', what: 'bits 3', list: content(good(), 3) },
  { name: 'list-bits-0', what: 'bits 0', list: content(good(), 0) },
  { name: 'list-bits-16', what: 'bits 16', list: content(good(), 16) },
  { name: 'list-bits-string', what: 'bits "2"', list: content(good(), '2') },
  { name: 'list-lst-missing', what: 'no lst', list: content(undefined) },
  { name: 'list-lst-number', what: 'lst a number', list: content(7) },
  { name: 'list-lst-empty', what: 'lst an empty string', list: content('') },
  {
    because: 'base64url-padded' as const,
    name: 'list-lst-padded',
    what: 'lst with padding',
    list: content(`${base64url(good().subarray(0, -1))}=`),
  },
  {
    because: 'base64url-invalid' as const,
    name: 'list-lst-not-base64url',
    what: 'lst with "*" in it',
    list: content('eNo*AAA'),
  },
  { name: 'list-garbage', what: 'lst of bytes that are no ZLIB', list: content(Buffer.from('no zlib at all')) },
  { name: 'list-raw-deflate', what: 'DEFLATE without the ZLIB frame', list: content(deflateRawSync(bytes)) },
  { name: 'list-gzip', what: 'GZIP in place of ZLIB', list: content(gzipSync(bytes)) },
  { name: 'list-truncated', what: 'ZLIB cut off in the middle', list: content(good().subarray(0, 40)) },
  {
    name: 'list-checksum',
    what: 'ZLIB with a wrong checksum',
    list: content(Buffer.concat([good().subarray(0, -4), Buffer.from([1, 2, 3, 4])])),
  },
  {
    name: 'list-trailing-data',
    what: 'bytes behind the end of ZLIB',
    list: content(Buffer.concat([good(), Buffer.from('more')])),
  },
  {
    name: 'list-two-streams',
    what: 'a second ZLIB stream behind the first',
    list: content(Buffer.concat([good(), good()])),
  },
  {
    name: 'list-dictionary',
    what: 'ZLIB that asks for a dictionary',
    list: content(deflateSync(bytes, { level: constants.Z_BEST_SPEED, dictionary: Buffer.from('tessera') })),
  },
]

/** Lists rightly signed whose bits cannot be read (draft-ietf-oauth-status-list, "Status List"). */
export const LIST_ENCODINGS: readonly ListRow[] = [
  ...INVALID.map(row => ({ ...row, code: 'status-list-invalid' as const })),
  {
    name: 'list-bomb',
    what: '64 MB of zeros behind 64 KB of ZLIB',
    code: 'status-list-too-large',
    list: (issuer, uri) => content(bombText())(issuer, uri),
  },
]
