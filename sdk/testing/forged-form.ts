import { Buffer } from 'node:buffer'
import { type Forgery, headerText, inFront, payloadText, segments, token } from './forgery.ts'
import { signChanged } from './kinds.ts'
import { base64url } from './signing.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Sets spare bits of a segment's last character: the same bytes, spelled otherwise. */
const respelled = (segment: string): string =>
  segment.slice(0, -1) + ALPHABET.charAt(ALPHABET.indexOf(segment.slice(-1)) + 1)

/** What is no compact JWS in its one canonical form (RFC 7515 section 7.1). */
export const FORM: readonly Forgery[] = [
  { name: 'empty', what: 'no token at all', code: 'segment-count', forge: () => '' },
  {
    name: 'segments-two',
    what: 'the signature and its dot cut off',
    code: 'segment-count',
    forge: segments(([header, payload]) => [header, payload]),
  },
  { name: 'segments-four', what: 'a fourth segment', code: 'segment-count', forge: token(good => `${good}.e30`) },
  { name: 'segments-five', what: 'five, as a JWE has', code: 'segment-count', forge: token(good => `${good}.e30.e30`) },
  { name: 'leading-dot', what: 'an empty segment in front', code: 'segment-count', forge: token(good => `.${good}`) },
  { name: 'trailing-dot', what: 'an empty segment behind', code: 'segment-count', forge: token(good => `${good}.`) },
  {
    name: 'json-serialization',
    what: 'the flattened JSON serialization',
    code: 'segment-count',
    forge: segments(([header, payload, signature]) => [JSON.stringify({ protected: header, payload, signature })]),
  },
  { name: 'with-scheme', what: '"Bearer " in front', code: 'token-whitespace', forge: token(good => `Bearer ${good}`) },
  {
    name: 'larger-than-8-kb',
    what: 'filled up to 8,193 bytes',
    code: 'token-too-large',
    forge: token(good => good.padEnd(8193, 'A')),
  },
  {
    name: 'signed-20-kb',
    what: '20 KB, rightly signed',
    code: 'token-too-large',
    forge: genuine => signChanged(genuine, { fill: 'x'.repeat(15_000) }),
  },
  { name: 'trailing-newline', what: 'a newline behind', code: 'token-whitespace', forge: token(good => `${good}\n`) },
  { name: 'trailing-crlf', what: 'CR LF behind', code: 'token-whitespace', forge: token(good => `${good}\r\n`) },
  { name: 'leading-space', what: 'a space in front', code: 'token-whitespace', forge: token(good => ` ${good}`) },
  {
    name: 'space-inside',
    what: 'spaces by the dots',
    code: 'token-whitespace',
    forge: segments(all => [all.join(' .')]),
  },
  { name: 'padding', what: '"==" behind the signature', code: 'base64url-padded', forge: token(good => `${good}==`) },
  {
    name: 'padding-in-payload',
    what: '"=" behind the payload',
    code: 'base64url-padded',
    forge: segments(([header, payload, signature]) => [header, `${payload}=`, signature]),
  },
  {
    name: 'padding-alone',
    what: '"=" for a signature',
    code: 'base64url-padded',
    forge: segments(([header, payload]) => [header, payload, '=']),
  },
  {
    name: 'base64-alphabet',
    what: '"+" and "/" for "-" and "_"',
    code: 'base64url-invalid',
    forge: segments(([header, payload]) => [header, payload, '+/'.repeat(43)]),
  },
  {
    name: 'impossible-length',
    what: 'a segment of 4n + 1 characters',
    code: 'base64url-invalid',
    forge: segments(([header, payload]) => [header, payload, 'AAAAA']),
  },
  { name: 'nul-behind', what: 'a NUL behind', code: 'base64url-invalid', forge: token(good => `${good}\0`) },
  {
    name: 'not-canonical-signature',
    what: 'spare bits set in the signature’s last character',
    code: 'base64url-not-canonical',
    forge: segments(([header, payload, signature]) => [header, payload, respelled(signature)]),
  },
  {
    name: 'not-canonical-header',
    what: 'spare bits set in the header’s last character',
    code: 'base64url-not-canonical',
    forge: segments(([, payload, signature]) => [respelled(base64url('{}')), payload, signature]),
  },
]

/** What is no JSON that all parsers read alike (RFC 8259, RFC 7493); rightly signed, so only strictness stops it. */
export const JSON_TEXT: readonly Forgery[] = [
  {
    name: 'header-empty',
    what: 'an empty header segment',
    code: 'json-invalid',
    forge: segments(([, payload, signature]) => ['', payload, signature]),
  },
  {
    name: 'payload-not-utf8',
    what: 'a byte FF inside a claim',
    code: 'utf8-invalid',
    forge: payloadText(json => Buffer.from(inFront('"note":"\u00ff"')(json), 'latin1')),
  },
  {
    name: 'header-overlong-utf8',
    what: 'a header with an overlong UTF-8 sequence',
    code: 'utf8-invalid',
    forge: headerText(() => Buffer.from([0x7b, 0xc1, 0xbf, 0x7d])),
  },
  {
    name: 'byte-order-mark',
    what: 'a byte order mark before the payload',
    code: 'json-invalid',
    forge: payloadText(json => `\ufeff${json}`),
  },
  {
    name: 'text-behind-payload',
    what: 'a second object behind the first',
    code: 'json-invalid',
    forge: payloadText(json => `${json}{}`),
  },
  {
    name: 'trailing-comma',
    what: 'a comma before the closing brace',
    code: 'json-invalid',
    forge: payloadText(json => json.replace(/}$/, ',}')),
  },
  {
    name: 'unpaired-surrogate',
    what: 'half a surrogate pair in a claim',
    code: 'json-invalid',
    forge: payloadText(inFront('"note":"\\ud800"')),
  },
  {
    name: 'number-beyond-double',
    what: 'a number of 1e999',
    code: 'json-invalid',
    forge: payloadText(inFront('"note":1e999')),
  },
  {
    name: 'duplicate-claim',
    what: 'iss twice: the first and the last reader disagree',
    code: 'json-duplicate-key',
    forge: payloadText(inFront('"iss":"https://attacker.example"')),
  },
  {
    name: 'duplicate-claim-escaped',
    what: 'iss twice, once spelled with an escape',
    code: 'json-duplicate-key',
    forge: payloadText(inFront('"\\u0069ss":"https://attacker.example"')),
  },
  {
    name: 'duplicate-nested',
    what: 'a member twice, deep inside a claim',
    code: 'json-duplicate-key',
    forge: payloadText(inFront('"note":{"a":[{"b":1,"b":2}]}')),
  },
  {
    name: 'duplicate-proto',
    what: '__proto__ twice',
    code: 'json-duplicate-key',
    forge: payloadText(inFront('"__proto__":1,"__proto__":2')),
  },
  {
    name: 'duplicate-alg',
    what: 'alg twice, "none" first',
    code: 'json-duplicate-key',
    forge: headerText(inFront('"alg":"none"')),
  },
  {
    name: 'duplicate-typ',
    what: 'typ twice',
    code: 'json-duplicate-key',
    forge: headerText(inFront('"typ":"JWT"')),
  },
  {
    name: 'deep-payload',
    what: 'nine levels of nesting in a claim',
    code: 'json-too-deep',
    forge: payloadText(inFront('"note":[[[[[[[[0]]]]]]]]')),
  },
  {
    name: 'deep-header',
    what: 'two thousand opening brackets for a header',
    code: 'json-too-deep',
    forge: headerText(() => '['.repeat(2000)),
  },
  {
    name: 'header-array',
    what: 'the header inside an array',
    code: 'header-not-object',
    forge: headerText(json => `[${json}]`),
  },
  {
    name: 'payload-string',
    what: 'the payload as a JSON string',
    code: 'payload-not-object',
    forge: payloadText(json => JSON.stringify(json)),
  },
  { name: 'payload-null', what: 'null for a payload', code: 'payload-not-object', forge: payloadText(() => 'null') },
]
