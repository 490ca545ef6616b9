import type { FC } from 'hono/jsx'
import type { Instant } from '../../../schemas/primitives.ts'
import type { MembershipOverview } from '../../memberships/overview.ts'
import { dateIn, localized } from '../language.ts'
import type { SignedInVisit, View } from '../visit.ts'
import { Actions, Alert, Csrf, Dated, Fact, Facts, Heading, Items, PageHead, Panel } from './pieces.tsx'

export type Choice = MembershipOverview['openChoices'][number]

/** Where a choice stands: still to be made, to be changed now, only later, or never. */
export type ChoiceStanding =
  | { state: 'undecided' }
  | { state: 'changeable'; nextFrom: Instant }
  | { state: 'later'; from: Instant }
  | { state: 'final' }

type Props = { visit: SignedInVisit; overview: MembershipOverview; choice: Choice }

/** What a group offers, what is chosen now, and what another choice would do. */
export function chooseView(props: Props, standing: ChoiceStanding): View {
  const { visit, overview, choice } = props
  const { messages, language } = visit
  const { group, options, chosen } = choice
  const taken = overview.benefits.filter(({ benefit }) => chosen.includes(benefit.id))
  const undecided = standing.state === 'undecided'
  const title = undecided ? messages.chooseTitle(group.choose, options.length) : messages.changeTitle
  const date = (instant: Instant) => dateIn(language, instant, overview.programme.timeZone)
  return {
    title,
    body: (
      <Panel>
        <PageHead title={title} lead={localized(overview.programme.name, language)} />
        {taken.length > 0 && (
          <Facts>
            <Fact term={messages.chosenNow}>
              {taken.map(({ benefit, entitlement }) => (
                <p>
                  <strong>{localized(benefit.name, language)}</strong>{' '}
                  {entitlement?.chosenAt && (
                    <span class="text-quiet">{messages.chosenSince(date(entitlement.chosenAt))}</span>
                  )}
                </p>
              ))}
            </Fact>
          </Facts>
        )}
        {standing.state === 'later' || standing.state === 'final' ? (
          <Settled {...props} standing={standing} />
        ) : (
          <form method="post" action={`/choose/${group.id}`} class="mt-5">
            <Csrf visit={visit} />
            <ChoiceFields {...props} onPage />
            {standing.state === 'changeable' && (
              <>
                <Heading>{messages.changeEffects}</Heading>
                <Items
                  items={[
                    ...taken.map(({ benefit }) => messages.changeStops(localized(benefit.name, language))),
                    messages.changeStarts,
                    messages.changeNext(date(standing.nextFrom)),
                  ]}
                />
              </>
            )}
            <Actions>
              <button type="submit" class="btn btn-primary w-full sm:w-auto">
                {undecided ? messages.chooseButton : messages.changeButton}
              </button>
              <a class="btn btn-outline w-full sm:w-auto" href="/">
                {undecided ? messages.backHome : messages.keepChoice}
              </a>
            </Actions>
          </form>
        )}
      </Panel>
    ),
  }
}

/** Nothing to send: from when on there is, and what could be chosen then. */
const Settled: FC<Props & { standing: Extract<ChoiceStanding, { state: 'later' | 'final' }> }> = props => {
  const { visit, overview, choice, standing } = props
  const { messages, language } = visit
  const { timeZone } = overview.programme
  return (
    <>
      <div class="mt-5">
        <Alert tone="warning">
          <p>
            <Dated
              text={
                standing.state === 'later'
                  ? messages.changeFrom(dateIn(language, standing.from, timeZone))
                  : messages.changeNever
              }
            />
          </p>
        </Alert>
      </div>
      <Heading>{messages.changeOptions}</Heading>
      <Items
        items={choice.options.map(option =>
          choice.chosen.includes(option.id)
            ? `${nameOf(props, option)} · ${messages.chosenAlready}`
            : nameOf(props, option),
        )}
      />
      <Actions>
        <a class="btn btn-primary" href="/">
          {messages.backHome}
        </a>
      </Actions>
    </>
  )
}

const nameOf = ({ visit, overview }: Props, option: Choice['options'][number]): string => {
  const partner = overview.benefits.find(held => held.partner.id === option.partner)?.partner.name ?? option.partner
  return `${localized(option.name, visit.language)} · ${localized(partner, visit.language)}`
}

/** The options as one question; the form around it is the page's. */
export const ChoiceFields: FC<Props & { onPage?: boolean }> = props => {
  const { visit, overview, choice, onPage = false } = props
  const { messages, language } = visit
  const { group, options, chosen } = choice
  const id = `options-${overview.membership.id}-${group.id}`
  const single = group.choose === 1
  const decided = chosen.length >= group.choose
  const heldOf = (option: string) => overview.benefits.find(({ benefit }) => benefit.id === option)
  return (
    <>
      <input type="hidden" name="programme" value={overview.programme.id} />
      <fieldset class="grid gap-3" aria-describedby={decided ? undefined : id}>
        <legend class={onPage ? 'mb-2 font-semibold' : 'mb-2 text-lg font-bold'}>
          {onPage ? messages.changeOptions : messages.chooseTitle(group.choose, options.length)}
        </legend>
        {!decided && (
          <p id={id} class="text-quiet">
            {messages.chooseLead} {group.changeEvery && messages.chooseChangeEvery}
          </p>
        )}
        {options.map(option => {
          const held = heldOf(option.id)
          const partner = localized(held?.partner.name ?? option.partner, language)
          const linked = held?.link?.state === 'active' ? messages.optionLinked : messages.optionToLink
          return (
            <label class="option">
              <input
                class={single ? 'radio radio-primary' : 'checkbox checkbox-primary'}
                type={single ? 'radio' : 'checkbox'}
                name="benefit"
                value={option.id}
                required={single}
                checked={chosen.includes(option.id)}
              />
              <span>
                <span class="block font-semibold">{localized(option.name, language)}</span>
                <span class="text-sm text-quiet">
                  {partner}
                  {option.linkRequired && ` · ${linked}`}
                </span>
              </span>
            </label>
          )
        })}
      </fieldset>
    </>
  )
}
