import { timingSafeEqual } from 'node:crypto'
import { sealData, unsealData } from 'iron-session'
import * as z from 'zod'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { sha256 } from '../kernel/canonical.ts'
import { compareInstants, isBefore, type Now, plusSeconds } from '../kernel/clock.ts'
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
  /** Whom the person was sent to, and whether it promised to name itself in the answer (RFC 9207). */
  issuer: z.string(),
  issPromised: z.boolean(),
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
/** Of a kind and browser: more tabs than people use. */
const mostAttempts = 4
/**
 * Of their cookies together, whoever makes the browser begin them: with the longest session below 8 KB, where API Gateway
 * takes 10,240 bytes of request line and headers. Four ordinary ones fit.
 */
const mostAttemptBytes = { 'sign-in': 3_000, link: 3_150 } as const
/** A page view within this time of the last one does not renew the cookie. */
const renewSeconds = 60

const attemptSchemas = { 'sign-in': SignInAttempt, link: LinkAttempt } as const
type Purpose = keyof typeof attemptSchemas

type Needs = { keys: Pick<KeyRing, 'secret'>; issuer: string; wallNow: Now; random: Random }
export type Sessions = ReturnType<typeof portalSessions>

/** Sealed cookies of the portal: the session, and the attempts to sign in or link that are under way. */
export function portalSessions({ keys, issuer, wallNow, random }: Needs) {
  const secure = issuer.startsWith('https:')
  // A __Host- cookie must be Secure (RFC 6265bis), which browsers do not keep from plain http.
  const sessionName = secure ? '__Host-tessera' : 'tessera'
  const prefixOf = (purpose: Purpose): string => `${sessionName}-${purpose}-`
  const nameOf = (purpose: Purpose, state: string): string => prefixOf(purpose) + sha256(state).slice(0, 16)
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

  async function attemptAt<A extends SignInAttempt | LinkAttempt>(
    schema: z.ZodType<A>,
    header: string | undefined,
    name: string,
    state: string,
  ): Promise<A | undefined> {
    const attempt = await open(schema, header, name)
    return attempt?.state === state && isWithin(attempt.startedAt, attemptSeconds) ? attempt : undefined
  }

  /** Every attempt that the browser remembers; without a start where it is none any more. */
  async function attemptsOf(purpose: Purpose, header: string | undefined) {
    return Promise.all(
      cookieNames(header, prefixOf(purpose)).map(async name => {
        const attempt = await open(attemptSchemas[purpose], header, name)
        const live = attempt && isWithin(attempt.startedAt, attemptSeconds)
        const bytes = pairBytes(name, cookieNamed(header, name) ?? '')
        return { name, bytes, startedAt: live ? attempt.startedAt : undefined }
      }),
    )
  }

  return {
    /** The session of a request, if it is neither idle for too long nor too old. */
    async read(header: string | undefined): Promise<Session | undefined> {
      const session = await open(Session, header, sessionName)
      const live = session && isWithin(session.seenAt, idleSeconds) && isWithin(session.startedAt, absoluteSeconds)
      return live ? session : undefined
    },
    /** A new session, never a continued one: what an attacker planted before sign-in is worth nothing after it. */
    async start(person: Pick<Session, 'issuer' | 'subject' | 'name' | 'roles' | 'language'>): Promise<string> {
      const at = wallNow()
      const session = { ...person, purpose: 'session', id: token(), csrf: token(), startedAt: at, seenAt: at } as const
      return cookie(sessionName, await seal(Session.parse(session)), idleSeconds)
    },
    /** The cookie that keeps a session alive, if it is time for a new one. */
    async renew(session: Session, language: Language): Promise<string | undefined> {
      if (language === session.language && isWithin(session.seenAt, renewSeconds)) return undefined
      return cookie(sessionName, await seal({ ...session, language, seenAt: wallNow() }), idleSeconds)
    },
    end: (): string => cookie(sessionName, '', 0),

    /**
     * Remembers an attempt for ten minutes, beside those of other tabs; the oldest go where there would be too many.
     * @param header the request's cookies
     */
    async begin(attempt: SignInAttempt | LinkAttempt, header: string | undefined): Promise<string[]> {
      const { purpose, state } = attempt
      const [name, sealed] = [nameOf(purpose, state), await seal(attempt)]
      const known = await attemptsOf(purpose, header)
      let room = mostAttemptBytes[purpose] - pairBytes(name, sealed)
      const kept = known
        .filter(({ startedAt }) => startedAt)
        .sort(byAge)
        .slice(0, mostAttempts - 1)
        .filter(({ bytes }) => {
          room -= bytes
          return room >= 0
        })
      const dropped = known.filter(one => !kept.includes(one)).map(one => cookie(one.name, '', 0))
      return [...dropped, cookie(name, sealed, attemptSeconds)]
    },
    signInAttempt: (header: string | undefined, state: string): Promise<SignInAttempt | undefined> =>
      attemptAt(SignInAttempt, header, nameOf('sign-in', state), state),
    linkAttempt: (header: string | undefined, state: string): Promise<LinkAttempt | undefined> =>
      attemptAt(LinkAttempt, header, nameOf('link', state), state),
    /** An attempt is good for one answer, whatever comes of it. */
    forget: (purpose: Purpose, state: string): string => cookie(nameOf(purpose, state), '', 0),
    /** Those of every tab. */
    forgetAll: (purpose: Purpose, header: string | undefined): string[] =>
      cookieNames(header, prefixOf(purpose)).map(name => cookie(name, '', 0)),
  }
}

/** Takes a form of our own page only. The token proves it; a foreign `Origin` disproves it. */
export function isOwnForm(session: Session, csrf: string | null, origin: string | undefined, issuer: string): boolean {
  if (origin !== undefined && origin !== new URL(issuer).origin) return false
  const expected = Buffer.from(session.csrf)
  const given = Buffer.from(csrf ?? '')
  return expected.length === given.length && timingSafeEqual(expected, given)
}

const byAge = (a: { startedAt?: Instant | undefined }, b: { startedAt?: Instant | undefined }): number =>
  a.startedAt && b.startedAt ? compareInstants(b.startedAt, a.startedAt) : 0

/** What a cookie adds to the `Cookie` header, with what stands between two. */
const pairBytes = (name: string, value: string): number => name.length + value.length + '=; '.length

const pairsOf = (header: string | undefined): string[] => (header ?? '').split(';').map(pair => pair.trim())

const cookieNames = (header: string | undefined, prefix: string): string[] => [
  ...new Set(
    pairsOf(header)
      .filter(pair => pair.startsWith(prefix))
      .map(pair => pair.slice(0, pair.indexOf('=')))
      // Only names that this gateway gives: what is named in `Set-Cookie` must not come from elsewhere.
      .filter(name => /^[0-9a-f]{16}$/.test(name.slice(prefix.length))),
  ),
]

/** The value of a cookie; the first of a name wins, as more specific paths come first (RFC 6265 section 5.4). */
export function cookieNamed(header: string | undefined, name: string): string | undefined {
  return pairsOf(header)
    .find(pair => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)
}
