import type { Child, FC } from 'hono/jsx'
import type { Money } from '../../schemas/money.ts'
import { minorUnitDigits } from '../../schemas/money.ts'
import type { Bilingual } from './accounts.ts'
import type { Display, Language } from './pages.ts'
import { membershipTexts } from './partner-membership-texts.ts'
import { benefitNames, type Offer, offerOf, texts } from './partner-texts.ts'

/** A link at the foot of every page of a platform. */
export interface PlatformLink {
  readonly href: string
  readonly text: Bilingual
}

/** What every page of a platform shares. */
export interface Frame {
  /** The partner's id. */
  readonly partner: string
  readonly language: Language
  readonly display: Display
  /** The account signed in here. */
  readonly account?: string | undefined
  readonly paths: { readonly signIn: string; readonly signOut: string; readonly portal: string; readonly link: string }
  readonly benefits: Readonly<Record<string, Bilingual>>
  readonly links: readonly PlatformLink[]
}

export const wordsOf = ({ language }: Frame) => texts[language]
export const offerAt = ({ partner }: Frame): Offer => offerOf(partner)

export const benefitName = ({ benefits, language }: Frame, benefit: string): string =>
  (benefits[benefit] ?? benefitNames[benefit])?.[language] ?? benefit

/** The whole document around a page's own part. */
export function documentOf(frame: Frame, title: string, body: Child): string {
  const { language, display } = frame
  const html = (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · ${display.name[language]}`}</title>
        <link rel="stylesheet" href="/platform.css" />
        <link rel="icon" href="/icon.svg" type="image/svg+xml" />
      </head>
      <body>
        <a class="skip" href="#content">
          {wordsOf(frame).skip}
        </a>
        <Header frame={frame} />
        <main id="content" tabindex={-1}>
          {body}
        </main>
        <Footer frame={frame} />
      </body>
    </html>
  )
  return `<!doctype html>${html}`
}

const Header: FC<{ frame: Frame }> = ({ frame }) => {
  const { display, language, account, paths } = frame
  const words = wordsOf(frame)
  return (
    <header>
      <nav class="bar" aria-label={display.name[language]}>
        <a class="brand" href="/">
          {display.name[language]}
        </a>
        <a href="/connect">{membershipTexts[language].connect}</a>
        {offerAt(frame).category === 'food' ? <a href="/till">{membershipTexts[language].till}</a> : null}
        <a href="/usage">{words.usage}</a>
        {account === undefined ? (
          <a href={paths.signIn}>{words.signIn}</a>
        ) : (
          <a href={paths.signOut}>{words.signOut}</a>
        )}
      </nav>
    </header>
  )
}

const Footer: FC<{ frame: Frame }> = ({ frame }) => {
  const { account, links, language } = frame
  const words = wordsOf(frame)
  return (
    <footer>
      {account === undefined ? null : (
        <p>
          {words.signedInAs} <strong>{account}</strong>
        </p>
      )}
      <p>{words.demo}</p>
      {links.length === 0 ? null : (
        <ul>
          {links.map(({ href, text }) => (
            <li>
              <a href={href}>{text[language]}</a>
            </li>
          ))}
        </ul>
      )}
    </footer>
  )
}

export const Fact: FC<{ name: string; children?: Child }> = ({ name, children }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
)

/** The demo's programme runs on Chinese time, whoever reads it. */
export const Moment: FC<{ epochMs: number; language: Language }> = ({ epochMs, language }) => {
  const format = new Intl.DateTimeFormat(language, {
    dateStyle: 'medium',
    timeStyle: 'medium',
    timeZone: 'Asia/Shanghai',
    hourCycle: 'h23',
  })
  return <time datetime={new Date(epochMs).toISOString()}>{format.format(epochMs)}</time>
}

export function moneyText({ amountMinor, currency }: Money, language: Language): string {
  const major = amountMinor / 10 ** minorUnitDigits(currency)
  return new Intl.NumberFormat(language, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(major)
}
