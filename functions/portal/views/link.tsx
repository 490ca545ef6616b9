import type { FC } from 'hono/jsx'
import type { LinkOffer } from '../../links/prepare-link.ts'
import { durationIn, localized } from '../language.ts'
import { linkPath, type SignedInVisit, type View } from '../visit.ts'
import { Csrf } from './layout.tsx'
import { Monogram } from './mark.tsx'

/** Consent to one partner: recipient, purpose, each data item, how to undo it. */
export function consentView(visit: SignedInVisit, offer: LinkOffer, formLeadsTo: string): View {
  const { messages, language } = visit
  const { partner, programme, benefits, existing } = offer
  const name = localized(partner.name, language)
  return {
    title: messages.consentTitle(name),
    formLeadsTo,
    body: (
      <section class="panel">
        <div class="card-head">
          <Monogram id={partner.id} name={name} />
          <h1>{messages.consentTitle(name)}</h1>
        </div>
        <p class="lead">{messages.consentLead(name)}</p>
        {existing?.state === 'active' && <p class="fine">{messages.alreadyLinkedHere(existing.account)}</p>}
        <h2>{messages.recipient}</h2>
        <p>{messages.recipientText(name, new URL(partner.issuer).host)}</p>
        <h2>{messages.purpose}</h2>
        <p>{messages.purposeText(localized(programme.name, language))}</p>
        <Items items={benefits.map(benefit => localized(benefit.name, language))} />
        <h2>{messages.sharedWith(name)}</h2>
        <Items items={messages.sharedWithItems} />
        <h2>{messages.sharedBy(name)}</h2>
        <Items items={messages.sharedByItems} />
        <h2>{messages.undo}</h2>
        <p>{messages.undoText(durationIn(language, partner.relinkCooldown))}</p>
        <form method="post" action={linkPath(partner.id)}>
          <Csrf visit={visit} />
          <input type="hidden" name="programme" value={programme.id} />
          <p class="actions">
            <button type="submit" class="button">
              {messages.agree}
            </button>
            <button type="submit" class="button secondary" name="cancel" value="yes">
              {messages.cancel}
            </button>
          </p>
        </form>
      </section>
    ),
  }
}

const Items: FC<{ items: readonly string[] }> = ({ items }) => (
  <ul class="items">
    {items.map(item => (
      <li>{item}</li>
    ))}
  </ul>
)

/** A link belongs to one programme: the member says which. */
export function programmeChoiceView({ messages, language }: SignedInVisit, offers: LinkOffer[]): View {
  const partner = offers[0]?.partner
  const title = messages.whichProgramme(partner ? localized(partner.name, language) : '')
  return {
    title,
    body: (
      <section class="panel">
        <h1>{title}</h1>
        <p class="lead">{messages.whichProgrammeLead}</p>
        <ul class="choices">
          {offers.map(offer => (
            <li>
              <a class="button secondary" href={linkPath(offer.partner.id, offer.programme.id)}>
                {localized(offer.programme.name, language)}
              </a>
            </li>
          ))}
        </ul>
        <p>
          <a href="/">{messages.backHome}</a>
        </p>
      </section>
    ),
  }
}
