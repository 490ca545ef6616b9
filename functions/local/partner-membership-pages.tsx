import { raw } from 'hono/html'
import type { Child, FC } from 'hono/jsx'
import { renderSVG } from 'uqr'
import type { VerifiedEvents } from '../../sdk/index.ts'
import { documentOf, Fact, type Frame, Moment } from './partner-layout.tsx'
import type { TvFlow } from './partner-membership.ts'
import { membershipTexts } from './partner-membership-texts.ts'
import type { Outcome } from './partner-outcomes.ts'

const textsOf = ({ language }: Frame) => membershipTexts[language]

const Card: FC<{ children?: Child }> = ({ children }) => (
  <section class="card">
    <div class="inside">{children}</div>
  </section>
)

/** Links that begin here, what is linked, and what the gateway told about links that ended there. */
export function connectPage(
  frame: Frame,
  known: { links: readonly { id: string; programme: string }[]; events: readonly VerifiedEvents[] },
) {
  const texts = textsOf(frame)
  const { links, events } = known
  return documentOf(
    frame,
    texts.connectTitle,
    <>
      <h1>{texts.connectTitle}</h1>
      <Card>
        {links.length > 0 ? (
          <>
            <p>{texts.connectedText}</p>
            <dl class="facts">
              {links.map(({ id, programme }) => (
                <>
                  <Fact name={texts.programme}>{programme}</Fact>
                  <Fact name={texts.link}>
                    <code>{id}</code>
                  </Fact>
                </>
              ))}
            </dl>
            <details>
              <summary>{texts.withdraw}</summary>
              <p>{texts.withdrawText}</p>
              <form method="post" action="/withdraw">
                <button type="submit">{texts.withdraw}</button>
              </form>
            </details>
          </>
        ) : (
          <>
            <p>{texts.connectText}</p>
            <p>
              <a class="button" href="/connect/start">
                {texts.connectHere}
              </a>
            </p>
            <p>
              <a href="/tv">{texts.onTv}</a>
            </p>
          </>
        )}
      </Card>
      <h2>{texts.events}</h2>
      <p class="quiet">{texts.eventsText}</p>
      {events.length === 0 ? <p>{texts.noEvents}</p> : <Events frame={frame} events={events} />}
    </>,
  )
}

const Events: FC<{ frame: Frame; events: readonly VerifiedEvents[] }> = ({ frame, events }) => (
  <ul class="reports">
    {events.map(({ tokenId, issuedAt, events: told }) => (
      <li class="card">
        <p>
          <Moment epochMs={issuedAt * 1000} language={frame.language} />
        </p>
        <p>
          <code>{Object.keys(told).join(' ')}</code>
        </p>
        <p class="quiet">
          <code>{tokenId}</code>
        </p>
      </li>
    ))}
  </ul>
)

/** What came of it, and the way on. */
export function outcomePage(frame: Frame, outcome: Outcome) {
  const texts = textsOf(frame)
  const title = texts[outcome.kind]
  const text = {
    connected: texts.connectedText,
    cancelled: texts.cancelledText,
    withdrawn: texts.withdrawnText,
    'nothing-linked': texts.nothingLinkedText,
    refused: texts.refusedText,
  }[outcome.kind]
  const wentWell = outcome.kind === 'connected' || outcome.kind === 'withdrawn'
  return documentOf(
    frame,
    title,
    <>
      <h1>{title}</h1>
      <Card>
        <p role={wentWell ? 'status' : 'alert'}>{text}</p>
        {outcome.kind === 'refused' ? (
          <>
            <p>{texts.reasons[outcome.code] ?? texts.otherReason}</p>
            <p class="quiet">
              <code>{outcome.code}</code>
            </p>
          </>
        ) : null}
        {wentWell ? null : (
          <p>
            <a class="button" href="/connect">
              {texts.again}
            </a>
          </p>
        )}
        <p>
          <a href="/">{texts.home}</a>
        </p>
      </Card>
    </>,
  )
}

/** What a television shows: a QR code, an address and a code for who has no camera, and a button instead of a script. */
export function tvPage(frame: Frame, flow?: TvFlow) {
  const texts = textsOf(frame)
  return documentOf(
    frame,
    texts.tvTitle,
    <>
      <h1>{texts.tvTitle}</h1>
      <Card>
        {flow ? (
          <>
            <p role="status">{texts.tvWaiting(flow.intervalSeconds)}</p>
            <ol>
              {texts.tvSteps.map(step => (
                <li>{step}</li>
              ))}
            </ol>
            <div class="qr" role="img" aria-label={`${texts.tvCode} ${flow.userCode}`}>
              {raw(renderSVG(flow.address, { ecc: 'M', border: 4 }))}
            </div>
            <dl class="facts">
              <Fact name={texts.tvAddress}>{flow.shortAddress.replace(/^https?:\/\//, '')}</Fact>
              <Fact name={texts.tvCode}>
                <strong class="user-code">{flow.userCode}</strong>
              </Fact>
            </dl>
            <form method="get" action="/tv">
              <button type="submit">{texts.tvCheck}</button>
            </form>
          </>
        ) : (
          <>
            <p>{texts.tvLead}</p>
            <form method="post" action="/tv">
              <button type="submit">{texts.tvStart}</button>
            </form>
          </>
        )}
      </Card>
    </>,
  )
}

export type TillOutcome = { kind: 'accepted'; benefits: readonly string[] } | { kind: 'refused'; code: string }

/** The staff's side: what a scanner would read goes into the field. */
export function tillPage(frame: Frame, outcome?: TillOutcome) {
  const texts = textsOf(frame)
  return documentOf(
    frame,
    texts.tillTitle,
    <>
      <h1>{texts.tillTitle}</h1>
      {outcome?.kind === 'accepted' ? (
        <section class="receipt" role="status">
          <h2>{texts.tillAccepted}</h2>
          <p>{texts.tillAcceptedText}</p>
          <p>{outcome.benefits.join(', ')}</p>
        </section>
      ) : null}
      {outcome?.kind === 'refused' ? (
        <Card>
          <h2>{texts.tillRefused}</h2>
          <p role="alert">{texts.tillReasons[outcome.code] ?? texts.tillOther}</p>
          <p class="quiet">
            <code>{outcome.code}</code>
          </p>
        </Card>
      ) : null}
      <Card>
        <p>{texts.tillText}</p>
        <form method="post" action="/till">
          <label for="token">{texts.tillToken}</label>
          <input id="token" name="token" type="text" autocomplete="off" spellcheck={false} required />
          <button type="submit">{texts.tillScan}</button>
        </form>
      </Card>
    </>,
  )
}
