import type { RefusalCode } from '../refused.ts'
import { type Attack, group } from './attack.ts'
import { type Forgery, inFront, payloadText } from './forgery.ts'
import type { TestIssuer } from './issuer.ts'
import type { Members } from './kinds.ts'

type Make = Attack['make']
type Row = Pick<Attack, 'name' | 'what' | 'code' | 'make'>

const claims =
  (change: (issuer: TestIssuer) => Members): Make =>
  issuer =>
    issuer.mint(change(issuer))

const fixed = (change: Members): Make => claims(() => change)

const text =
  (change: Forgery['forge']): Make =>
  issuer =>
    change(issuer.genuine('entitlement'))

/** iss and aud, compared as exact strings (RFC 8725 sections 3.8 and 3.9). */
const PARTIES: readonly Row[] = [
  { name: 'iss-missing', what: 'no iss', code: 'issuer-mismatch', make: fixed({ iss: undefined }) },
  {
    name: 'iss-other',
    what: 'iss of another issuer',
    code: 'issuer-mismatch',
    make: fixed({ iss: 'https://attacker.example' }),
  },
  {
    name: 'iss-slash',
    what: 'iss with one slash more',
    code: 'issuer-mismatch',
    make: claims(({ issuer }) => ({ iss: `${issuer}/` })),
  },
  {
    name: 'iss-prefix',
    what: 'iss that begins as the issuer does',
    code: 'issuer-mismatch',
    make: claims(({ issuer }) => ({ iss: `${issuer}.attacker.example` })),
  },
  {
    name: 'iss-upper-case',
    what: 'iss in capitals',
    code: 'issuer-mismatch',
    make: claims(({ issuer }) => ({ iss: issuer.toUpperCase() })),
  },
  {
    name: 'iss-array',
    what: 'iss in an array',
    code: 'issuer-mismatch',
    make: claims(({ issuer }) => ({ iss: [issuer] })),
  },
  { name: 'aud-missing', what: 'no aud', code: 'audience-not-single', make: fixed({ aud: undefined }) },
  {
    name: 'aud-array',
    what: 'aud an array of this partner alone',
    code: 'audience-not-single',
    make: claims(({ audience }) => ({ aud: [audience] })),
  },
  {
    name: 'aud-array-two',
    what: 'aud an array of this partner and another',
    code: 'audience-not-single',
    make: claims(({ audience }) => ({ aud: [audience, 'another-partner'] })),
  },
  { name: 'aud-empty-array', what: 'aud []', code: 'audience-not-single', make: fixed({ aud: [] }) },
  {
    name: 'aud-other',
    what: 'a genuine token of another partner',
    code: 'audience-mismatch',
    make: fixed({ aud: 'another-partner' }),
  },
  {
    name: 'aud-upper-case',
    what: 'aud in capitals',
    code: 'audience-mismatch',
    make: claims(({ audience }) => ({ aud: audience.toUpperCase() })),
  },
  {
    name: 'aud-list-in-string',
    what: 'aud a string of two partners',
    code: 'audience-mismatch',
    make: claims(({ audience }) => ({ aud: `${audience} another-partner` })),
  },
  {
    name: 'aud-issuer',
    what: 'aud the issuer, as an access token has it',
    code: 'audience-mismatch',
    make: claims(({ issuer }) => ({ aud: issuer })),
  },
]

/** Each time claim, in every form that some parser takes for a time. */
const timeRows = (name: 'iat' | 'nbf' | 'exp', code: RefusalCode): readonly Row[] => [
  { name: `${name}-missing`, what: `no ${name}`, code, make: fixed({ [name]: undefined }) },
  { name: `${name}-null`, what: `${name} null`, code, make: fixed({ [name]: null }) },
  {
    name: `${name}-string`,
    what: `${name} a string of digits`,
    code,
    make: claims(({ now }) => ({ [name]: String(now()) })),
  },
  {
    name: `${name}-1e300`,
    what: `${name} 1e300: a number, and for ever`,
    code,
    make: text(payloadText(json => json.replace(new RegExp(`"${name}":[0-9]+`), `"${name}":1e300`))),
  },
  {
    name: `${name}-fraction`,
    what: `${name} with half a second`,
    code,
    make: claims(({ now }) => ({ [name]: now() + 0.5 })),
  },
  { name: `${name}-zero`, what: `${name} 0`, code, make: fixed({ [name]: 0 }) },
  { name: `${name}-negative`, what: `${name} below zero`, code, make: claims(({ now }) => ({ [name]: -now() })) },
  {
    name: `${name}-milliseconds`,
    what: `${name} in milliseconds`,
    code,
    make: claims(({ now }) => ({ [name]: now() * 1000 })),
  },
]

const TIMES: readonly Row[] = [
  ...timeRows('iat', 'claim-iat-invalid'),
  ...timeRows('nbf', 'claim-nbf-invalid'),
  ...timeRows('exp', 'claim-exp-invalid'),
  {
    name: 'expired',
    what: 'expired an hour ago',
    code: 'token-expired',
    make: claims(({ now }) => ({ iat: now() - 4500, nbf: now() - 4500, exp: now() - 3600 })),
  },
  {
    name: 'expired-this-second',
    what: 'exp is now: there is no tolerance',
    code: 'token-expired',
    make: claims(({ now }) => ({ iat: now() - 900, nbf: now() - 900, exp: now() })),
  },
  {
    name: 'nbf-future',
    what: 'nbf 90 s ahead, beyond the tolerance of 60 s',
    code: 'token-not-yet-valid',
    make: claims(({ now }) => ({ nbf: now() + 90, exp: now() + 900 })),
  },
  {
    name: 'iat-future',
    what: 'iat 90 s ahead, beyond the tolerance of 60 s',
    code: 'issued-in-future',
    make: claims(({ now }) => ({ iat: now() + 90, exp: now() + 900 })),
  },
  {
    name: 'lifetime-zero',
    what: 'exp equal to iat',
    code: 'lifetime-invalid',
    make: claims(({ now }) => ({ iat: now() + 30, exp: now() + 30 })),
  },
  {
    name: 'nbf-after-exp',
    what: 'nbf behind exp',
    code: 'lifetime-invalid',
    make: claims(({ now }) => ({ exp: now() + 900, nbf: now() + 1000 })),
  },
  {
    name: 'lifetime-too-long',
    what: 'a life of 3,601 s',
    code: 'lifetime-too-long',
    make: claims(({ now }) => ({ exp: now() + 3601 })),
  },
  {
    name: 'lifetime-a-year',
    what: 'a life of a year',
    code: 'lifetime-too-long',
    make: claims(({ now }) => ({ exp: now() + 31_536_000 })),
  },
]

const textRows = (name: 'sub' | 'jti' | 'lnk', code: RefusalCode): readonly Row[] => [
  { name: `${name}-missing`, what: `no ${name}`, code, make: fixed({ [name]: undefined }) },
  { name: `${name}-number`, what: `${name} a number`, code, make: fixed({ [name]: 7 }) },
  { name: `${name}-empty`, what: `${name} an empty string`, code, make: fixed({ [name]: '' }) },
]

const NAMED: readonly Row[] = [
  { name: 'ver-missing', what: 'no ver', code: 'version-unsupported', make: fixed({ ver: undefined }) },
  { name: 'ver-2', what: 'ver "2"', code: 'version-unsupported', make: fixed({ ver: '2' }) },
  { name: 'ver-number', what: 'ver the number 1', code: 'version-unsupported', make: fixed({ ver: 1 }) },
  ...textRows('sub', 'claim-sub-invalid'),
  ...textRows('jti', 'claim-jti-invalid'),
  ...textRows('lnk', 'claim-lnk-invalid'),
  { name: 'seq-missing', what: 'no seq', code: 'claim-seq-invalid', make: fixed({ seq: undefined }) },
  { name: 'seq-string', what: 'seq "42"', code: 'claim-seq-invalid', make: fixed({ seq: '42' }) },
  { name: 'seq-negative', what: 'seq -1', code: 'claim-seq-invalid', make: fixed({ seq: -1 }) },
  { name: 'seq-2-53', what: 'seq 2^53', code: 'claim-seq-invalid', make: fixed({ seq: 2 ** 53 }) },
  {
    name: 'proto-claims',
    what: 'the claims inside __proto__, where a careless parser finds them',
    code: 'issuer-mismatch',
    make: text(payloadText(json => `{"__proto__":${json}}`)),
  },
  {
    name: 'proto-shadow',
    what: 'iss inside __proto__ and nowhere else',
    code: 'issuer-mismatch',
    make: text(payloadText(json => inFront('"__proto__":{"iss":"x"}')(json.replace('"iss"', '"issuer"')))),
  },
]

export const CLAIMS: readonly Attack[] = [
  ...group('issuer and audience', PARTIES),
  ...group('times', TIMES),
  ...group('claims', NAMED),
]
