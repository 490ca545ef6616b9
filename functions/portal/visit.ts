import type { Instant } from '../../schemas/primitives.ts'
import type { Services } from '../connect.ts'
import type { Refusal } from '../kernel/refusal.ts'
import type { Language, Messages, NoticeCode } from './language.ts'
import type { OpenidClient } from './openid-client.ts'
import type { Session, Sessions } from './session.ts'
import type { Part } from './views/part.ts'

/** What the pages need, made once for each process. */
export type Portal = Pick<
  Services,
  'config' | 'issuer' | 'table' | 'vault' | 'keys' | 'now' | 'wallNow' | 'random' | 'newId' | 'log'
> & { sessions: Sessions; openid: OpenidClient }

/** One request, read. */
export type Visit = {
  language: Language
  messages: Messages
  session: Session | undefined
  cookies: string | undefined
  /** Of this gateway, whatever `Host` says. */
  url: URL
  /** As the browser states it, on a POST at least. */
  origin: string | undefined
  /** Of a POST; empty otherwise. */
  form: URLSearchParams
  /** As it came, for whoever must hand it on: its body is read already where `form` is. */
  request: Request
}
export type SignedInVisit = Visit & { session: Session }

/** What stands around a page: whose pages they are, and which others there are. */
export type Frame = {
  home: string
  name: string
  tabs: { label: string; items: readonly (readonly [path: string, name: string])[] }
  footer: string
  /** For tables and pictures, which need more room than text. */
  wide: boolean
  /** The browser loads the page again after so many seconds, as on one that shows progress. */
  refreshSeconds?: number
}

/** What a page is made of; the layout adds the rest. */
export type View = {
  title: string
  body: Part
  status?: number
  /** Origin that a form of this page leads to by redirect: browsers hold `form-action` against redirects too. */
  formLeadsTo?: string
  /** Of pages that are not the member's own; the portal's unless given. */
  frame?: Frame
  /** Whether the address can be opened again, in the other language for instance; a callback's cannot. */
  reopens?: boolean
}

export type Answer = { cookies?: string[] } & (
  | { view: View }
  | { location: string }
  | { notice: Notice }
  /** A file to keep. */
  | { download: { name: string; type: string; body: string | Uint8Array<ArrayBuffer> | ReadableStream } }
  /** What another part of the gateway answered already, such as the authorization server. */
  | { response: Response }
)

/** A page that says what happened and what to do next. */
export type Notice = {
  code: NoticeCode
  status: number
  /** From when on it would be possible. */
  date?: { at: Instant; timeZone: string }
  /** Where to begin anew. */
  again?: string
  /** With status 429. */
  retryAfterSeconds?: number
}

/** A refusal that is to be shown as a page, with where to go on from there. */
export class NoticeShown extends Error {
  readonly notice: Notice
  readonly cookies: string[]
  constructor(notice: Notice, cookies: string[] = [], cause?: Refusal) {
    super(notice.code, { cause })
    this.name = 'NoticeShown'
    this.notice = notice
    this.cookies = cookies
  }
}

/** Longer than the address of any page here. */
const longestPath = 300

/**
 * Path and query of this gateway, percent-encoded, at most 300 characters: a cookie carries them. `/` for anything else,
 * so that nobody is led elsewhere (open redirect).
 */
export function ownPath(asked: string | null, issuer: string): string {
  // Encoding never shortens a text, but parsing drops `..` and the like.
  if (!asked?.startsWith('/') || asked.length > 2 * longestPath || !URL.canParse(asked, issuer)) return '/'
  const url = new URL(asked, issuer)
  const path = `${url.pathname}${url.search}`
  const isOwn = url.origin === new URL(issuer).origin && !path.startsWith('//')
  return isOwn && path.length <= longestPath ? path : '/'
}

/** The page that a form stands on; for most its own address shows it. */
export const pageOfForm = (path: string): string =>
  path
    .replace(/^(\/finance\/exceptions\/[^/]+)\/(assign|resolve)$/, '$1')
    .replace(/^(\/finance\/periods\/[^/]+\/[^/]+)\/payments\/[^/]+\/confirm$/, '$1/netting')

export const signInPath = (returnTo: string): string => `/sign-in?return=${encodeURIComponent(returnTo)}`
export const linkPath = (partner: string, programme?: string): string => pathWith('link', partner, programme)
export const unlinkPath = (partner: string, programme?: string): string => pathWith('unlink', partner, programme)
export const choosePath = (group: string, programme?: string): string => pathWith('choose', group, programme)

const pathWith = (page: string, id: string, programme: string | undefined): string =>
  `/${page}/${encodeURIComponent(id)}${programme ? `?programme=${encodeURIComponent(programme)}` : ''}`
