import type { LinkOffer } from '../../links/prepare-link.ts'
import { durationIn, localized } from '../language.ts'
import { linkPath, type SignedInVisit, type View } from '../visit.ts'
import { Actions, Alert, Csrf, Heading, Items, PageHead, Panel } from './pieces.tsx'

/** Consent to one partner: recipient, purpose, each data item, how to undo it. */
export function consentView(visit: SignedInVisit, offer: LinkOffer, formLeadsTo: string): View {
  const { messages, language } = visit
  const { partner, programme, benefits, existing } = offer
  const name = localized(partner.name, language)
  const title = messages.consentTitle(name)
  return {
    title,
    formLeadsTo,
    body: (
      <Panel>
        <PageHead title={title} lead={messages.consentLead(name)} partner={{ id: partner.id, name }} />
        {existing?.state === 'active' && (
          <Alert tone="info">
            <p>{messages.alreadyLinkedHere(existing.account)}</p>
          </Alert>
        )}
        <Heading>{messages.recipient}</Heading>
        <p>{messages.recipientText(name, new URL(partner.issuer).host)}</p>
        <Heading>{messages.purpose}</Heading>
        <p class="mb-2">{messages.purposeText(localized(programme.name, language))}</p>
        <Items items={benefits.map(benefit => localized(benefit.name, language))} />
        <Heading>{messages.sharedWith(name)}</Heading>
        <Items items={messages.sharedWithItems} />
        <Heading>{messages.sharedBy(name)}</Heading>
        <Items items={messages.sharedByItems} />
        <Heading>{messages.undo}</Heading>
        <p>{messages.undoText(durationIn(language, partner.relinkCooldown))}</p>
        <form method="post" action={linkPath(partner.id)}>
          <Csrf visit={visit} />
          <input type="hidden" name="programme" value={programme.id} />
          <Actions>
            <button type="submit" class="btn btn-primary w-full sm:w-auto">
              {messages.agree}
            </button>
            <button type="submit" class="btn btn-outline w-full sm:w-auto" name="cancel" value="yes">
              {messages.cancel}
            </button>
          </Actions>
        </form>
      </Panel>
    ),
  }
}

/** A link belongs to one programme: the member says which. */
export function programmeChoiceView({ messages, language }: SignedInVisit, offers: LinkOffer[]): View {
  const partner = offers[0]?.partner
  const name = partner ? localized(partner.name, language) : ''
  const title = messages.whichProgramme(name)
  return {
    title,
    body: (
      <Panel>
        <PageHead
          title={title}
          lead={messages.whichProgrammeLead}
          {...(partner && { partner: { id: partner.id, name } })}
        />
        <ul class="grid gap-3">
          {offers.map(offer => (
            <li>
              <a class="btn btn-outline w-full" href={linkPath(offer.partner.id, offer.programme.id)}>
                {localized(offer.programme.name, language)}
              </a>
            </li>
          ))}
        </ul>
        <p class="mt-6">
          <a class="link" href="/">
            {messages.backHome}
          </a>
        </p>
      </Panel>
    ),
  }
}
