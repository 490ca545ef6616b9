import { randomUUID } from 'node:crypto'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, inject, it } from 'vitest'
import { type Language, type Messages, messagesOf } from '../../functions/portal/language.ts'
import { club, operatorOf, type Theatre } from './cast.ts'
import { Visitor } from './visitor.ts'

/** How a person happens to look at the pages. */
export type Variant = { script: boolean; width: 320 | 1280; scheme: 'light' | 'dark'; language: Language }

const variant = (
  script: 'script' | 'plain',
  width: Variant['width'],
  scheme: Variant['scheme'],
  language: Language,
): Variant => ({ script: script === 'script', width, scheme, language })

/** Every pair of values occurs: a covering array of strength two. */
export const everyPair: readonly Variant[] = [
  variant('plain', 320, 'light', 'zh-CN'),
  variant('plain', 1280, 'dark', 'en'),
  variant('script', 320, 'dark', 'en'),
  variant('script', 1280, 'light', 'en'),
  variant('script', 1280, 'dark', 'zh-CN'),
]
/** Every value occurs. */
export const bothWays: readonly Variant[] = [
  variant('script', 320, 'light', 'zh-CN'),
  variant('plain', 1280, 'dark', 'en'),
]
/** For what a page looks like no more than once. */
export const oneWay: readonly Variant[] = [variant('script', 1280, 'light', 'en')]
/** Pages in both languages with axe: without script axe cannot run. */
export const bothLanguages: readonly Variant[] = [
  variant('script', 320, 'light', 'zh-CN'),
  variant('script', 1280, 'dark', 'en'),
]

export type Scene = {
  variant: Variant
  words: Messages
  theatre: Theatre
  /** A named part of the journey: a failure tells in which one it happened. */
  step(name: string, act: () => Promise<void>): Promise<void>
  /** Somebody with a browser of their own, signed in nowhere. */
  visitor(): Promise<Visitor>
  /** A login that nobody else has. */
  login(): string
  /** A login that holds a membership of each programme named. */
  member(...programmes: ('88vip' | 'club')[]): Promise<string>
}

let connection: Promise<Browser> | undefined
const browser = (): Promise<Browser> => {
  connection ??= chromium.connect(inject('browser').address)
  return connection
}
afterAll(async () => (await connection)?.close())

/** One test for each variant. Whoever visits is gone at its end, however it ends. */
export function journey(name: string, variants: readonly Variant[], tell: (scene: Scene) => Promise<void>): void {
  it.for(variants)(`${name} ($language, $width px, $scheme, script: $script)`, async seen => {
    const visitors: Visitor[] = []
    const theatre = inject('theatre')
    const scene: Scene = {
      variant: seen,
      words: messagesOf[seen.language],
      theatre,
      login: () => `p-${randomUUID().slice(0, 13)}`,
      async visitor() {
        const visitor = await Visitor.come(await browser(), theatre, seen)
        visitors.push(visitor)
        return visitor
      },
      async member(...programmes) {
        const login = scene.login()
        for (const programme of programmes) await sell(theatre, programme, login)
        return login
      },
      async step(what, act) {
        await act().catch(async error => {
          const where = await Promise.all(visitors.map(visitor => visitor.whereabouts()))
          throw new Error(`step "${what}": ${messageOf(error)}\n${where.join('\n')}`, { cause: error })
        })
      },
    }
    try {
      await tell(scene)
      for (const visitor of visitors) visitor.assertNothingForbidden()
    } finally {
      for (const visitor of visitors) await visitor.leave()
    }
  })
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const prices = { '88vip': 88800, club: club.plans[0]?.price.amountMinor ?? 0 }

/** Sold over HTTP, as the brand's shop does. */
async function sell({ issuer, identityIssuer }: Theatre, programme: '88vip' | 'club', subject: string): Promise<void> {
  await operatorOf(issuer).post(
    '/v1/memberships',
    {
      programme,
      plan: 'annual',
      member: { issuer: identityIssuer, subject },
      paid: { amountMinor: prices[programme], currency: 'CNY' },
      externalId: `browser-${programme}-${subject}`,
    },
    201,
  )
}
