import { TimeZone } from '../../schemas/primitives.ts'
import type { ProgrammeDocument } from '../../schemas/programme.ts'
import type { PointedError } from '../../schemas/usage.ts'

/**
 * Everything wrong with a programme document that its shape alone does not tell, each with a JSON pointer.
 * @param partners ids of the partners that exist
 */
export function programmeFaults(document: ProgrammeDocument, partners: ReadonlySet<string>): PointedError[] {
  return [
    ...repeated(document.plans, '/plans'),
    ...repeated(document.benefits, '/benefits'),
    ...repeated(document.choiceGroups, '/choiceGroups'),
    ...foreignPrices(document),
    ...unknownReferences(document, partners),
    ...unusedGroups(document),
    ...tooLarge(document),
    ...badTimes(document),
  ]
}

const repeated = (things: { id: string }[], pointer: string): PointedError[] =>
  things.flatMap(({ id }, index) =>
    things.findIndex(other => other.id === id) < index
      ? [{ pointer: `${pointer}/${index}/id`, detail: `the id ${id} appears before` }]
      : [],
  )

const foreignPrices = ({ plans, currency }: ProgrammeDocument): PointedError[] =>
  plans.flatMap(({ price, priceRules }, index) =>
    [
      { money: price, pointer: `/plans/${index}/price/currency` },
      ...priceRules.map((rule, position) => ({
        money: rule.price,
        pointer: `/plans/${index}/priceRules/${position}/price/currency`,
      })),
    ]
      .filter(({ money }) => money.currency !== currency)
      .map(({ pointer }) => ({ pointer, detail: `the programme's currency is ${currency}` })),
  )

function unknownReferences(
  { benefits, choiceGroups }: ProgrammeDocument,
  partners: ReadonlySet<string>,
): PointedError[] {
  const groups = new Set(choiceGroups.map(group => group.id))
  return benefits.flatMap(({ partner, choiceGroup, kind, quota }, index) => [
    ...(partners.has(partner)
      ? []
      : [{ pointer: `/benefits/${index}/partner`, detail: `no partner ${partner} is registered` }]),
    ...(choiceGroup === undefined || groups.has(choiceGroup)
      ? []
      : [{ pointer: `/benefits/${index}/choiceGroup`, detail: `there is no choice group ${choiceGroup}` }]),
    ...(quota && kind !== 'allowance'
      ? [{ pointer: `/benefits/${index}/quota`, detail: 'only an allowance has a quota' }]
      : []),
  ])
}

const unusedGroups = ({ benefits, choiceGroups }: ProgrammeDocument): PointedError[] =>
  choiceGroups.flatMap(({ id }, index) =>
    benefits.some(benefit => benefit.choiceGroup === id)
      ? []
      : [{ pointer: `/choiceGroups/${index}`, detail: `no benefit uses the choice group ${id}` }],
  )

function badTimes({ timeZone, plans }: ProgrammeDocument): PointedError[] {
  const zone = TimeZone.safeParse(timeZone)
  return [
    ...(zone.success ? [] : [{ pointer: '/timeZone', detail: 'an IANA time zone such as Asia/Shanghai is needed' }]),
    ...plans.flatMap(({ term }, index) =>
      /[1-9]/.test(term) ? [] : [{ pointer: `/plans/${index}/term`, detail: 'a term lasts a day or longer' }],
    ),
  ]
}

/**
 * A change of a membership writes its benefits' entitlements and, for each partner, a link and an account in one
 * transaction, which DynamoDB limits to 100 items; ten are left for the membership itself and its guards.
 */
const tooLarge = ({ benefits }: ProgrammeDocument): PointedError[] => {
  const partners = benefits.map(benefit => benefit.partner)
  const writes = benefits.length + 2 * new Set(partners).size
  // Unlinking ends every entitlement at the partner and offers it anew.
  const most = Math.max(...partners.map(partner => partners.filter(other => other === partner).length))
  return [
    ...(writes <= 90 ? [] : [{ pointer: '/benefits', detail: 'benefits + 2 × partners must not pass 90' }]),
    ...(most <= 45 ? [] : [{ pointer: '/benefits', detail: 'at most 45 benefits at one partner' }]),
  ]
}
