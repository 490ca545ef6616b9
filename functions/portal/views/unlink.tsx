import type { LinkRecord } from '../../../schemas/link.ts'
import type { Partner } from '../../../schemas/partner.ts'
import type { Instant } from '../../../schemas/primitives.ts'
import type { Benefit, Programme } from '../../../schemas/programme.ts'
import { dateIn, localized } from '../language.ts'
import { type SignedInVisit, unlinkPath, type View } from '../visit.ts'
import { Actions, Csrf, Dated, Fact, Facts, Heading, Items, PageHead, Panel } from './pieces.tsx'

type Ending = {
  programme: Pick<Programme, 'id' | 'timeZone'>
  partner: Partner
  link: LinkRecord
  /** Those in use now. */
  benefits: Benefit[]
  /** From when on a different account may be linked, if not at once. */
  relinkFrom: Instant | undefined
}

/** What ends with the link, before the member says so. */
export function unlinkView(visit: SignedInVisit, ending: Ending): View {
  const { messages, language } = visit
  const { partner, programme, benefits, link, relinkFrom } = ending
  const name = localized(partner.name, language)
  const title = messages.unlinkTitle(name)
  return {
    title,
    body: (
      <Panel>
        <PageHead title={title} partner={{ id: partner.id, name }} />
        <Facts columns>
          <Fact term={messages.linkedAccount}>
            <strong>{link.account}</strong>
            <span class="block text-sm whitespace-nowrap text-quiet">
              {messages.since(dateIn(language, link.since, programme.timeZone))}
            </span>
          </Fact>
        </Facts>
        <Heading>{messages.unlinkLead}</Heading>
        <Items
          items={[
            ...benefits.map(benefit => messages.unlinkEnds(localized(benefit.name, language))),
            relinkFrom ? (
              <Dated text={messages.unlinkCooldown(dateIn(language, relinkFrom, programme.timeZone))} />
            ) : (
              messages.unlinkNoCooldown
            ),
            messages.unlinkKeeps(name),
          ]}
        />
        <form method="post" action={unlinkPath(partner.id)}>
          <Csrf visit={visit} />
          <input type="hidden" name="programme" value={programme.id} />
          <Actions>
            <button type="submit" class="btn btn-error w-full sm:w-auto">
              {messages.unlinkButton}
            </button>
            <a class="btn btn-outline w-full sm:w-auto" href="/">
              {messages.keepLinked}
            </a>
          </Actions>
        </form>
      </Panel>
    ),
  }
}
