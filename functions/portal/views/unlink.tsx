import type { LinkRecord } from '../../../schemas/link.ts'
import type { Partner } from '../../../schemas/partner.ts'
import type { Instant } from '../../../schemas/primitives.ts'
import type { Benefit, Programme } from '../../../schemas/programme.ts'
import { dateIn, localized } from '../language.ts'
import { type SignedInVisit, unlinkPath, type View } from '../visit.ts'
import { Csrf } from './layout.tsx'
import { Monogram } from './mark.tsx'

type Ending = {
  programme: Programme
  partner: Partner
  link: LinkRecord
  /** Those in use now. */
  benefits: Benefit[]
  /** From when on a different account may be linked. */
  relinkFrom: Instant
}

/** What ends with the link, before the member says so. */
export function unlinkView(visit: SignedInVisit, ending: Ending): View {
  const { messages, language } = visit
  const { partner, programme, benefits, link, relinkFrom } = ending
  const name = localized(partner.name, language)
  return {
    title: messages.unlinkTitle(name),
    body: (
      <section class="panel">
        <div class="card-head">
          <Monogram id={partner.id} name={name} />
          <h1>{messages.unlinkTitle(name)}</h1>
        </div>
        <p class="lead">
          {messages.linkedAccount}: <strong>{link.account}</strong>
        </p>
        <p>{messages.unlinkLead}</p>
        <ul class="items">
          {benefits.map(benefit => (
            <li>{messages.unlinkEnds(localized(benefit.name, language))}</li>
          ))}
          <li>{messages.unlinkCooldown(dateIn(language, relinkFrom, programme.timeZone))}</li>
          <li>{messages.unlinkKeeps(name)}</li>
        </ul>
        <form method="post" action={unlinkPath(partner.id)}>
          <Csrf visit={visit} />
          <input type="hidden" name="programme" value={programme.id} />
          <p class="actions">
            <button type="submit" class="button danger">
              {messages.unlinkButton}
            </button>
            <a class="button secondary" href="/">
              {messages.keepLinked}
            </a>
          </p>
        </form>
      </section>
    ),
  }
}
