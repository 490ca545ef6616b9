import type { RefusalCode } from '../refused.ts'
import { type Genuine, type Members, signChanged } from './kinds.ts'
import { base64url, signBytes } from './signing.ts'

/** One way to spoil a genuine token of any kind, and the one code with which a verifier must refuse the result. */
export interface Forgery {
  /** Unique, kebab-case. */
  readonly name: string
  /** What is wrong, in one line. */
  readonly what: string
  readonly code: RefusalCode
  readonly forge: (genuine: Genuine) => string
}

type Forge = Forgery['forge']

export type Segments = readonly [header: string, payload: string, signature: string]

export const segmentsOf = (genuine: Genuine): Segments => {
  const [header = '', payload = '', signature = ''] = signChanged(genuine).split('.')
  return [header, payload, signature]
}

/** The finished token, changed. */
export const token =
  (change: (token: string) => string): Forge =>
  genuine =>
    change(signChanged(genuine))

/** The finished token's three segments, put together anew. */
export const segments =
  (change: (segments: Segments) => readonly string[]): Forge =>
  genuine =>
    change(segmentsOf(genuine)).join('.')

/** Another header text, rightly signed: what a verifier would see if the issuer itself erred. */
export const headerText =
  (change: (json: string) => string | Uint8Array): Forge =>
  ({ header, claims, key }) =>
    signBytes(change(JSON.stringify(header)), JSON.stringify(claims), key.privateKey)

export const payloadText =
  (change: (json: string) => string | Uint8Array): Forge =>
  ({ header, claims, key }) =>
    signBytes(JSON.stringify(header), change(JSON.stringify(claims)), key.privateKey)

export const withHeader =
  (change: Members): Forge =>
  genuine =>
    signChanged(genuine, {}, change)

/** The signed text with another signature under it. */
export const signature =
  (make: (input: string, genuine: Genuine, signature: string) => string | Uint8Array): Forge =>
  genuine => {
    const [header, payload, good] = segmentsOf(genuine)
    const made = make(`${header}.${payload}`, genuine, good)
    return `${header}.${payload}.${typeof made === 'string' ? made : base64url(made)}`
  }

/** Puts one member in front of a JSON object's own. */
export const inFront =
  (member: string) =>
  (json: string): string =>
    json.replace('{', `{${member},`)
