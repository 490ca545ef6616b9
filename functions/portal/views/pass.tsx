import type { FC } from 'hono/jsx'
import { epochSeconds } from '../../kernel/clock.ts'
import type { Pass } from '../../passes/issue-pass.ts'
import { localized } from '../language.ts'
import type { PassOffer } from '../pass.ts'
import type { SignedInVisit, View } from '../visit.ts'
import { Monogram } from './mark.tsx'
import { Actions, Alert, Empty, Heading, PageHead, Panel } from './pieces.tsx'
import { Countdown, mostQrBytes, QrCode } from './qr-code.tsx'

type Shown = { visit: SignedInVisit; offer: PassOffer }

/** Every linked account of which a code can be shown. */
export function offersView(visit: SignedInVisit, offers: PassOffer[]): View {
  const { messages } = visit
  const text = messages.pass
  return {
    title: text.title,
    body: (
      <>
        <PageHead title={text.title} lead={text.lead} />
        {offers.length === 0 ? (
          <Empty title={text.emptyTitle} text={text.empty}>
            <a class="btn btn-primary" href="/">
              {messages.home}
            </a>
          </Empty>
        ) : (
          <ul class="grid gap-4 sm:grid-cols-2">
            {offers.map(offer => (
              <OfferCard visit={visit} offer={offer} />
            ))}
          </ul>
        )}
      </>
    ),
  }
}

const OfferCard: FC<Shown> = ({ visit, offer }) => {
  const { messages, language } = visit
  const { partner, programme, account, state } = offer
  const name = localized(partner.name, language)
  const heading = `pass-${programme.id}-${partner.id}`
  return (
    <li class="card">
      <div class="card-body">
        <div class="flex items-center gap-4">
          <Monogram id={partner.id} name={name} />
          <div class="min-w-0">
            <h2 id={heading} class="text-lg">
              {name}
            </h2>
            <p class="text-sm break-words text-quiet">
              {localized(programme.name, language)} · {account}
            </p>
          </div>
        </div>
        {state === 'ready' ? (
          <>
            <BenefitLines visit={visit} offer={offer} />
            <CodeForm offer={offer} label={messages.pass.show} describedby={heading} />
          </>
        ) : (
          <p class="mt-3 text-quiet">{messages.pass[state]}</p>
        )}
      </div>
    </li>
  )
}

/** A form and no link, because browsers fetch links ahead of time; it changes nothing, hence GET. */
const CodeForm: FC<{ offer: PassOffer; label: string; describedby?: string }> = ({ offer, label, describedby }) => (
  <form method="get" action="/pass" class="mt-4">
    <input type="hidden" name="partner" value={offer.partner.id} />
    <input type="hidden" name="programme" value={offer.programme.id} />
    <button type="submit" class="btn btn-primary w-full sm:w-auto" aria-describedby={describedby}>
      {label}
    </button>
  </form>
)

/** Which benefits, and how much of each is left; of a pass as it says it. */
const BenefitLines: FC<Shown & { pass?: Pass }> = ({ visit, offer, pass }) => {
  const { messages, language } = visit
  const said = pass && new Map(pass.entitlements.map(({ id, rem }) => [id, rem]))
  const shown = offer.benefits.filter(({ entitlement }) => !said || (entitlement && said.has(entitlement.id)))
  return (
    <ul class="mt-3 grid gap-2">
      {shown.map(({ benefit, entitlement, remaining }) => {
        const left = entitlement && said ? said.get(entitlement.id) : remaining
        return (
          <li class="flex flex-wrap justify-between gap-x-4">
            <span>{localized(benefit.name, language)}</span>
            <span class="text-quiet">
              {benefit.quota && left !== undefined
                ? messages.remainingPer[benefit.quota.per](messages.remainingOf(left, benefit.quota.limit))
                : messages.pass.included}
            </span>
          </li>
        )
      })}
    </ul>
  )
}

/** The code itself, until when it is good, and what staff will see. */
export function codeView(visit: SignedInVisit, offer: PassOffer, pass: Pass): View {
  const { messages, language } = visit
  const { programme, partner, account } = offer
  const text = messages.pass
  const name = localized(partner.name, language)
  const seconds = epochSeconds(pass.expiresAt) - epochSeconds(pass.issuedAt)
  const until = new Intl.DateTimeFormat(language, { timeStyle: 'medium', timeZone: programme.timeZone }).format(
    new Date(pass.expiresAt),
  )
  const voids = { afterSeconds: seconds, title: text.expired, next: text.expiredNext }
  return {
    title: text.codeTitle(name),
    body: (
      <Panel>
        <PageHead title={text.codeTitle(name)} lead={text.codeLead} partner={{ id: partner.id, name }} />
        {pass.token.length > mostQrBytes ? (
          <Alert tone="warning">
            <p>{text.tooLong}</p>
          </Alert>
        ) : (
          <div class="code-panel p-1 sm:p-4">
            <QrCode text={pass.token} label={text.codeName(name, until)} voids={voids} />
          </div>
        )}
        <p class="mt-4 mb-2 flex flex-wrap justify-between gap-x-4">
          <span>
            {text.validUntil} <time datetime={pass.expiresAt}>{until}</time>
          </span>
          <span class="text-quiet">{text.seconds(seconds)}</span>
        </p>
        <Countdown seconds={seconds} />
        <CodeForm offer={offer} label={text.again} />
        <Heading>{text.showsTitle}</Heading>
        <p class="text-sm break-words text-quiet">
          {localized(programme.name, language)} · {account}
        </p>
        <BenefitLines visit={visit} offer={offer} pass={pass} />
        <details class="mt-6">
          <summary class="min-h-11 cursor-pointer py-2 font-semibold">{text.asText}</summary>
          <p class="mt-1 text-sm text-quiet">{text.asTextHint}</p>
          <p class="mt-2 font-mono text-sm break-all select-all" translate="no">
            {pass.token}
          </p>
        </details>
        <p class="mt-4">
          <a class="link" href="/pass">
            {text.others}
          </a>
        </p>
      </Panel>
    ),
  }
}

/** Linked, but staff would see nothing: why, and what to do. */
export function noCodeView(visit: SignedInVisit, { partner }: PassOffer, reason: 'paused' | 'idle'): View {
  const { messages, language } = visit
  const text = messages.pass
  const name = localized(partner.name, language)
  return {
    title: text.refusedTitle(name),
    status: 409,
    body: (
      <Panel>
        <PageHead title={text.refusedTitle(name)} lead={text.refused[reason]} partner={{ id: partner.id, name }} />
        <Actions>
          <a class="btn btn-primary w-full sm:w-auto" href="/">
            {messages.backHome}
          </a>
          <a class="btn btn-outline w-full sm:w-auto" href="/pass">
            {text.others}
          </a>
        </Actions>
      </Panel>
    ),
  }
}
