import type { Contract } from '../schemas/contract.ts'
import type { LocalizedText, Period } from '../schemas/primitives.ts'
import type { Statement } from '../schemas/settlement.ts'
import { namesOfBrands } from './brands/brand-names.ts'
import type { Services } from './connect.ts'
import { contractsOf } from './contracts/apply-contract.ts'
import { entitlementsById, historySource } from './entitlements/history.ts'
import { acceptedIn } from './exceptions/accepted.ts'
import { type BatchFindings, noteExceptions } from './exceptions/note-exceptions.ts'
import { allPartners } from './partners/find-partner.ts'
import { allProgrammes, findProgramme, programmeFrame } from './programmes/find-programme.ts'
import { capturedByIds, capturedOf } from './redemptions/records.ts'
import { closedPeriods, closesOf, oldestOpenPeriod } from './settlement/closed-periods.ts'

/** What both read of other domains. */
const programmeNeeds = (services: Services) => ({
  ...services,
  programmeOf: (id: string) => programmeFrame(services, id),
  contractsOf: (programme: string) => contractsOf(services, programme),
})

/** Entitlements as reconciliation reads them, as they are now. */
const entitlementSource = (services: Services) =>
  historySource({ ...services, capturedOf: (partner, shard) => capturedOf(services, partner, shard) })

/** What settlement reads of other domains. */
export const settlementNeeds = (services: Services) => ({
  ...programmeNeeds(services),
  foreignContractsOf: (programme: string) => contractsElsewhere(services, programme),
  // Any partner may have reported lines that name entitlements of the programme, also one that left it since.
  partnersOf: async () => (await allPartners(services)).map(({ id }) => id),
  historySource: entitlementSource(services),
  acceptedIn: (programme: string, period: Period) => acceptedIn(services, programme, period),
})

/** What statements as documents read besides: how people call those that they name. */
export const statementNeeds = (services: Services) => ({
  ...services,
  async namesOf({ programme, debtor, creditor }: Statement) {
    const { brand: operator } = await programmeFrame(services, programme)
    const known = await namesOfBrands(services, { brands: [debtor, creditor], operator })
    const brand = (id: string) => {
      const name = known.get(id)
      return name && inEachLanguage(name)
    }
    const names = { programme: inEachLanguage((await findProgramme(services, programme)).name) }
    const [owes, isOwed] = [brand(debtor), brand(creditor)]
    return { ...names, ...(owes && { debtor: owes }), ...(isOwed && { creditor: isOwed }) }
  },
})

/** A document has one form for readers of all languages. */
const inEachLanguage = (name: LocalizedText | string): string =>
  typeof name === 'string' ? name : [...new Set(Object.values(name))].join(' ')

/** What exceptions read of programmes, to know whose they are, and of usage, to know what of it is billed. */
export const exceptionNeeds = (services: Services) => ({
  ...usageNeeds(services),
  allProgrammes: () => allProgrammes(services),
})

/** Partners report several programmes in one batch: what is late is told by the contracts of each. */
async function contractsElsewhere(services: Services, programme: string): Promise<Contract[]> {
  const others = (await allProgrammes(services)).filter(({ id }) => id !== programme)
  return (await Promise.all(others.map(({ id }) => contractsOf(services, id)))).flat()
}

/** What usage and reconciliation read of other domains. */
export const usageNeeds = (services: Services) => ({
  ...programmeNeeds(services),
  programmes: () => allProgrammes(services),
  historySource: entitlementSource(services),
  entitlementsById: (partner: string, ids: Iterable<string>) => entitlementsById(services, partner, ids),
  capturedByIds: (partner: string, ids: Iterable<string>) => capturedByIds(services, partner, ids),
  closedPeriods: (programme: string) => closedPeriods(services, programme),
  closesOf: (programme: string) => closesOf(services, programme),
  noteExceptions: (batch: BatchFindings) => noteExceptions(services, batch),
  async oldestOpenPeriods(): Promise<Record<string, Period>> {
    const frames = await allProgrammes(services)
    return Object.fromEntries(
      await Promise.all(frames.map(async frame => [frame.id, await oldestOpenPeriod(services, frame)] as const)),
    )
  },
})
