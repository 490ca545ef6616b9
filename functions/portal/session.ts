import { timingSafeEqual } from 'node:crypto'
import { sealData, unsealData } from 'iron-session'
import * as z from 'zod'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { isBefore, type Now, plusSeconds } from '../kernel/clock.ts'
import type { Random } from '../kernel/ids.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { type Language, languages } from './language.ts'

/** A signed-in person. Their own browser holds it, sealed: nobody else can read it, nobody at all can change it. */
export const Session = z.strictObject({
  purpose: z.literal('session'),
  /** Random; a linking attempt is bound to it. */
  id: z.string(),
  issuer: z.string(),
  subject: z.string(),
  name: z.string(),
  /** Staff roles as the identity provider states them. */
  roles: z.array(z.string()),
  /** Hidden in every form. */
  csrf: z.string(),
  language: z.enum(languages),
  startedAt: Instant,
  seenAt: Instant,
})
export type Session = z.infer<typeof Session>

const Attempt = {
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  startedAt: Instant,
}
/** What must be remembered between leaving for another site and coming back. */
export const SignInAttempt = z.strictObject({
  purpose: z.literal('sign-in'),
  ...Attempt,
  /** The language cookie is SameSite=Strict, so it is missing from the way back. */
  language: z.enum(languages),
  returnTo: z.string(),
})
export type SignInAttempt = z.infer<typeof SignInAttempt>
export const LinkAttempt = z.strictObject({
  purpose: z.literal('link'),
  ...Attempt,
  session: z.string(),
  partner: Slug,
  programme: Slug,
})
export type LinkAttempt = z.infer<typeof LinkAttempt>

export const idleSeconds = 30 * 60
export const absoluteSeconds = 12 * 60 * 60
const attemptSeconds = 10 * 60
/** A page view within this time of the last one does not renew the cookie. */
const renewSeconds = 60

type Needs = { keys: Pick<KeyRing, 'secret'>; issuer: string; wallNow: Now; random: Random }
export type Sessions = ReturnType<typeof portalSessions>

/** Sealed cookies of the portal: the session, and the attempts to sign in or link that are under way. */
export function portalSessions({ keys, issuer, wallNow, random }: Needs) {
  const secure = issuer.startsWith('https:')
  // A __Host- cookie must be Secure (RFC 6265bis), which browsers do not keep from plain http.
  const names = Object.fromEntries(
    (['session', 'sign-in', 'link'] as const).map(purpose => {
      const name = purpose === 'session' ? 'tessera' : `tessera-${purpose}`
      return [purpose, secure ? `__Host-${name}` : name]
    }),
  ) as Record<'session' | 'sign-in' | 'link', string>
  let password: string | undefined

  const secret = async (): Promise<string> => {
    password ??= Buffer.from(await keys.secret('portal-session')).toString('base64url')
    return password
  }
  const token = (): string => Buffer.from(random(24)).toString('base64url')
  const cookie = (name: string, value: string, maxAge: number): string =>
    `${name}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`
  // Time limits are checked against the clock handed in, so the seal itself has none.
  const seal = async (content: object): Promise<string> => sealData(content, { password: await secret(), ttl: 0 })

  async function open<S extends z.ZodType>(
    schema: S,
    header: string | undefined,
    name: string,
  ): Promise<z.infer<S> | undefined> {
    const sealed = cookieNamed(header, name)
    if (!sealed) return undefined
    const parsed = schema.safeParse(
      await unsealData(sealed, { password: await secret(), ttl: 0 }).catch(() => undefined),
    )
    return parsed.success ? parsed.data : undefined
  }
  const isWithin = (start: Instant, seconds: number): boolean => isBefore(wallNow(), plusSeconds(start, seconds))

  return {
    /** The session of a request, if it is neither idle for too long nor too old. */
    async read(header: string | undefined): Promise<Session | undefined> {
      const session = await open(Session, header, names.session)
      const live = session && isWithin(session.seenAt, idleSeconds) && isWithin(session.startedAt, absoluteSeconds)
      return live ? session : undefined
    },
    /** A new session, never a continued one: what an attacker planted before sign-in is worth nothing after it. */
    async start(person: Pick<Session, 'issuer' | 'subject' | 'name' | 'roles' | 'language'>): Promise<string> {
      const at = wallNow()
      const session = { ...person, purpose: 'session', id: token(), csrf: token(), startedAt: at, seenAt: at } as const
      return cookie(names.session, await seal(Session.parse(session)), idleSeconds)
    },
    /** The cookie that keeps a session alive, if it is time for a new one. */
    async renew(session: Session, language: Language): Promise<string | undefined> {
      if (language === session.language && isWithin(session.seenAt, renewSeconds)) return undefined
      return cookie(names.session, await seal({ ...session, language, seenAt: wallNow() }), idleSeconds)
    },
    end: (): string => cookie(names.session, '', 0),

    /** Remembers an attempt for ten minutes; a later one of its kind replaces it. */
    begin: async (attempt: SignInAttempt | LinkAttempt): Promise<string> =>
      cookie(names[attempt.purpose], await seal(attempt), attemptSeconds),
    async signInAttempt(header: string | undefined): Promise<SignInAttempt | undefined> {
      const attempt = await open(SignInAttempt, header, names['sign-in'])
      return attempt && isWithin(attempt.startedAt, attemptSeconds) ? attempt : undefined
    },
    async linkAttempt(header: string | undefined): Promise<LinkAttempt | undefined> {
      const attempt = await open(LinkAttempt, header, names.link)
      return attempt && isWithin(attempt.startedAt, attemptSeconds) ? attempt : undefined
    },
    /** An attempt is good for one callback, whatever comes of it. */
    forget: (purpose: 'sign-in' | 'link'): string => cookie(names[purpose], '', 0),
  }
}

/** Takes a form of our own page only. The token proves it; a foreign `Origin` disproves it. */
export function isOwnForm(session: Session, csrf: string | null, origin: string | undefined, issuer: string): boolean {
  if (origin !== undefined && origin !== new URL(issuer).origin) return false
  const expected = Buffer.from(session.csrf)
  const given = Buffer.from(csrf ?? '')
  return expected.length === given.length && timingSafeEqual(expected, given)
}

/** The value of a cookie; the first of a name wins, as more specific paths come first (RFC 6265 section 5.4). */
export function cookieNamed(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? '').split(';').map(pair => pair.trim())
  return pairs.find(pair => pair.startsWith(`${name}=`))?.slice(name.length + 1)
}
