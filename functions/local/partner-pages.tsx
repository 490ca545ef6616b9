import type { Child, FC } from 'hono/jsx'
import { Art } from './partner-art.tsx'
import { benefitName, documentOf, Fact, type Frame, Moment, moneyText, offerAt, wordsOf } from './partner-layout.tsx'
import { type TroubleKind, troubles } from './partner-texts.ts'
import { type Locked, type Pass, passesOf, type Standing } from './partner-unlock.ts'
import type { ReportedUse } from './partner-usage.ts'

interface Home {
  readonly standing: Standing
  readonly issuer: string
  /** Goes into each button's form: pressing it twice is one use. */
  readonly newUseId: () => string
  /** The use just reported. */
  readonly used?: ReportedUse | undefined
}

/** The landing page of somebody who is signed in. */
export function homePage(frame: Frame, home: Home): string {
  const { standing, used } = home
  const passes = standing.kind === 'linked' ? passesOf(standing.passes) : []
  return documentOf(
    frame,
    offerAt(frame).slogan[frame.language],
    <>
      <h1>{offerAt(frame).slogan[frame.language]}</h1>
      {used ? <Receipt frame={frame} used={used} /> : null}
      {standing.kind === 'not-linked' ? <NotLinked frame={frame} /> : null}
      {passes.map(pass => (
        <Unlocked frame={frame} pass={pass} issuer={home.issuer} useId={home.newUseId()} />
      ))}
      {standing.kind === 'linked' ? standing.refusals.map(locked => <Refused frame={frame} locked={locked} />) : null}
    </>,
  )
}

export function signedOutPage(frame: Frame): string {
  const words = wordsOf(frame)
  return documentOf(
    frame,
    offerAt(frame).slogan[frame.language],
    <>
      <h1>{offerAt(frame).slogan[frame.language]}</h1>
      <LockedCard frame={frame} title={offerAt(frame).locked[frame.language]}>
        <p>{words.signedOutText}</p>
        <p>
          <a class="button" href={frame.paths.signIn}>
            {words.signIn}
          </a>
        </p>
      </LockedCard>
    </>,
  )
}

const LockedCard: FC<{ frame: Frame; title: string; children?: Child }> = ({ frame, title, children }) => {
  const { category, item } = offerAt(frame)
  return (
    <section class="card is-locked">
      <Art category={category} locked={true} />
      <div class="inside">
        <p class="badge">{wordsOf(frame).lockedNow}</p>
        <p>{item[frame.language]}</p>
        <h2>{title}</h2>
        {children}
      </div>
    </section>
  )
}

const NotLinked: FC<{ frame: Frame }> = ({ frame }) => {
  const words = wordsOf(frame)
  return (
    <LockedCard frame={frame} title={words.notLinkedTitle}>
      <p>{words.notLinkedText}</p>
      <p>
        <a class="button" href={frame.paths.link}>
          {words.linkHere}
        </a>
      </p>
    </LockedCard>
  )
}

const Refused: FC<{ frame: Frame; locked: Locked }> = ({ frame, locked: { by, code } }) => {
  const words = wordsOf(frame)
  const text = code === 'nothing-entitled' ? words.nothingEntitled : words.otherReason
  return (
    <LockedCard frame={frame} title={by === 'gateway' ? words.refusedByGateway : words.refusedToken}>
      <p>{by === 'gateway' ? text : words.refusedTokenText}</p>
      <p>
        <a href={frame.paths.portal}>{words.portal}</a>
      </p>
      <Code frame={frame} code={code} />
    </LockedCard>
  )
}

const Code: FC<{ frame: Frame; code: string }> = ({ frame, code }) => (
  <p class="quiet">
    {wordsOf(frame).code}: <code>{code}</code>
  </p>
)

type UnlockedProps = { frame: Frame; pass: Pass; issuer: string; useId: string }

const Unlocked: FC<UnlockedProps> = ({ frame, pass, issuer, useId }) => {
  const words = wordsOf(frame)
  const offer = offerAt(frame)
  const { language } = frame
  const { id, benefit, state, validUntil, remaining } = pass.entitlement
  return (
    <section class="card is-unlocked">
      <Art category={offer.category} locked={false} />
      <div class="inside">
        <p class="badge">{offer.unlocked[language]}</p>
        <p>{offer.item[language]}</p>
        <h2>{benefitName(frame, benefit)}</h2>
        <dl class="facts">
          <Fact name={words.state}>{words[state]}</Fact>
          <Fact name={words.validUntil}>
            <Moment epochMs={validUntil * 1000} language={language} />
          </Fact>
          {remaining === undefined ? null : <Fact name={words.remaining}>{words.left(remaining)}</Fact>}
        </dl>
        {offer.category === 'food' && remaining !== undefined ? <Coupons frame={frame} remaining={remaining} /> : null}
        {remaining === 0 ? (
          <p>{words.noneLeft}</p>
        ) : (
          <form method="post" action="/use">
            <input type="hidden" name="benefit" value={benefit} />
            <input type="hidden" name="entitlement" value={id} />
            <input type="hidden" name="use" value={useId} />
            <button type="submit">{offer.use[language]}</button>
          </form>
        )}
        <Why frame={frame} pass={pass} issuer={issuer} />
      </div>
    </section>
  )
}

const COUPONS_SHOWN = 12

const Coupons: FC<{ frame: Frame; remaining: number }> = ({ frame, remaining }) => (
  <ul class="coupons">
    {Array.from({ length: Math.min(remaining, COUPONS_SHOWN) }, () => (
      <li>{moneyText({ amountMinor: 500, currency: 'CNY' }, frame.language)}</li>
    ))}
  </ul>
)

/** The verified claims; the token itself is a credential and is shown to nobody. */
const Why: FC<{ frame: Frame; pass: Pass; issuer: string }> = ({ frame, pass: { token, entitlement }, issuer }) => {
  const { language, partner } = frame
  const { why, whyText, claims } = wordsOf(frame)
  const limits = Object.entries(entitlement.limits).map(([name, limit]) => `${name}: ${limit}`)
  return (
    <details>
      <summary>{why}</summary>
      <p>{whyText}</p>
      <dl class="facts">
        <Fact name={`${claims.issuer} (iss)`}>{issuer}</Fact>
        <Fact name={`${claims.audience} (aud)`}>{partner}</Fact>
        <Fact name={`${claims.subject} (sub)`}>{token.subject}</Fact>
        <Fact name={`${claims.link} (lnk)`}>{token.linkId}</Fact>
        <Fact name={`${claims.sequence} (seq)`}>{token.sequence}</Fact>
        <Fact name={`${claims.tokenId} (jti)`}>{token.tokenId}</Fact>
        <Fact name={`${claims.issuedAt} (iat)`}>
          <Moment epochMs={token.issuedAt * 1000} language={language} />
        </Fact>
        <Fact name={`${claims.expiresAt} (exp)`}>
          <Moment epochMs={token.expiresAt * 1000} language={language} />
        </Fact>
        <Fact name={`${claims.entitlement} (ent)`}>{entitlement.id}</Fact>
        {limits.length === 0 ? null : <Fact name={`${claims.limits} (lim)`}>{limits.join(', ')}</Fact>}
      </dl>
    </details>
  )
}

const Receipt: FC<{ frame: Frame; used: ReportedUse }> = ({ frame, used }) => {
  const words = wordsOf(frame)
  return (
    <section class="receipt" role="status">
      <h2>{offerAt(frame).used[frame.language]}</h2>
      <p>{words.receiptTitle}</p>
      <dl class="facts">
        <Fact name={words.batch}>
          <code>{used.batch}</code>
        </Fact>
        <Fact name={words.sequence}>{used.sequence}</Fact>
        {used.amount ? <Fact name={words.amount}>{moneyText(used.amount, frame.language)}</Fact> : null}
      </dl>
    </section>
  )
}

export interface Trouble {
  readonly kind: TroubleKind
  /** The stable code of whoever refused, where it is not the kind itself. */
  readonly code?: string
  /** Fields of the form that may be sent again as it was. */
  readonly again?: Readonly<Record<string, string>>
}

/** Says what went wrong and what to do next. Nothing on it is unlocked. */
export function troublePage(frame: Frame, { kind, code = kind, again }: Trouble): string {
  const words = wordsOf(frame)
  const { title, text } = troubles[kind]
  return documentOf(
    frame,
    title[frame.language],
    <>
      <h1>{title[frame.language]}</h1>
      <LockedCard frame={frame} title={offerAt(frame).locked[frame.language]}>
        <p role="alert">{text[frame.language]}</p>
        {again ? (
          <form method="post" action="/use">
            {Object.entries(again).map(([name, value]) => (
              <input type="hidden" name={name} value={value} />
            ))}
            <button type="submit">{words.tryAgain}</button>
          </form>
        ) : null}
        <p>
          <a href="/">{words.backHome}</a>
        </p>
        <Code frame={frame} code={code} />
      </LockedCard>
    </>,
  )
}
