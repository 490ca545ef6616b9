import type { Caller } from '../../schemas/client.ts'
import type { Contract, ContractDocument } from '../../schemas/contract.ts'
import type { PointedError } from '../../schemas/usage.ts'
import { hashOf } from '../kernel/canonical.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal, requireVersion } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { allPartners, knownPartners } from '../partners/find-partner.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { overlaps } from './overlap.ts'
import { bookVersion, contractsOfProgramme, contractWrites, findContractRecord } from './store.ts'

type Needs = { table: Table; now: Now }
type Request = { caller: Pick<Caller, 'brand'>; document: ContractDocument; ifMatch?: string | undefined }

/** Applies dated terms; the same document again changes nothing. Closed periods keep the terms they were rated by. */
export async function applyContract({ table, now }: Needs, { caller, document, ifMatch }: Request): Promise<Contract> {
  return againOnConflict(async () => {
    const book = await bookVersion(table, document.programme)
    const programme = await findProgramme({ table }, document.programme)
    if (programme.brand !== caller.brand) throw new Refusal('not-yours')
    const before = await findContractRecord(table, document.id)
    if (before && before.programme !== document.programme)
      throw new Refusal('not-yours', `contract ${document.id} is of the programme ${before.programme}`)
    requireVersion(ifMatch, before?.version)
    if (before && isSame(before, document)) return before

    const brands = new Set([programme.brand, ...(await partnerBrands(table, document))])
    const errors = [
      ...unknownBenefits(document, new Set(programme.benefits.map(benefit => benefit.id))),
      ...unknownBrands(document, brands),
    ]
    if (errors.length > 0) throw new Refusal('invalid-document', undefined, { errors })
    const overlapping = overlaps(document, await contractsOfProgramme(table, document.programme))
    if (overlapping.length > 0) throw new Refusal('contract-overlap', undefined, { errors: overlapping })

    const contract = { ...document, version: (before?.version ?? 0) + 1, appliedAt: now() }
    await table.commit(contractWrites(contract, book))
    return contract
  })
}

/**
 * Brands of registered partners. Most brands have their partner's id and are looked up by it, which also finds one that
 * was registered a moment ago; the list of all partners may lag behind.
 */
async function partnerBrands(table: Table, { payer, payee, lines }: ContractDocument): Promise<string[]> {
  const named = [payer, payee, ...lines.flatMap(({ fundedBy = [] }) => fundedBy.map(({ brand }) => brand))]
  const partners = [...(await knownPartners({ table }, named)), ...(await allPartners({ table }))]
  return partners.map(({ brand }) => brand)
}

/** A debt to a brand that nobody registered could never be paid. */
function unknownBrands({ payer, payee, lines }: ContractDocument, known: ReadonlySet<string>): PointedError[] {
  const named = [
    { brand: payer, pointer: '/payer' },
    { brand: payee, pointer: '/payee' },
    ...lines.flatMap(({ fundedBy = [] }, index) =>
      fundedBy.map(({ brand }, place) => ({ brand, pointer: `/lines/${index}/fundedBy/${place}/brand` })),
    ),
  ]
  return named
    .filter(({ brand }) => !known.has(brand))
    .map(({ brand, pointer }) => ({ pointer, detail: `${brand} is neither the programme's brand nor a partner's` }))
}

const unknownBenefits = ({ lines }: ContractDocument, known: ReadonlySet<string>): PointedError[] =>
  lines.flatMap(({ benefit }, index) =>
    benefit === undefined || known.has(benefit)
      ? []
      : [{ pointer: `/lines/${index}/benefit`, detail: `the programme has no benefit ${benefit}` }],
  )

function isSame(
  { version: _version, appliedAt: _appliedAt, ...before }: Contract,
  document: ContractDocument,
): boolean {
  return hashOf(before) === hashOf(document)
}

/** @throws Refusal contract-not-found */
export async function findContract({ table }: { table: Table }, id: string): Promise<Contract> {
  const contract = await findContractRecord(table, id)
  if (!contract) throw new Refusal('contract-not-found', `there is no contract ${id}`)
  return contract
}

export const contractsOf = ({ table }: { table: Table }, programme: string): Promise<Contract[]> =>
  contractsOfProgramme(table, programme)
