import { registerBrand } from '../../functions/brands/register-brand.ts'
import type { SettlementNeeds } from '../../functions/settlement/inputs.ts'
import type { SettlementAccount } from '../../schemas/brand.ts'
import { BrandDocument } from '../../schemas/brand.ts'
import type { Contract } from '../../schemas/contract.ts'
import { contractOf } from './terms.ts'
import { close, newWorld, october } from './world.ts'

const iban: Record<string, string> = {
  alibaba: 'DE89370400440532013000',
  youku: 'FR1420041010050500013M02606',
  eleme: 'NL91ABNA0417164300',
  fliggy: 'GB82WEST12345698765432',
}

/** A month's fee that one brand owes another, whatever was used. */
export const feeOf = (payer: string, payee: string, fee: string, more: Partial<Omit<Contract, 'lines'>> = {}) =>
  contractOf({
    currency: 'EUR',
    ...more,
    id: more.id ?? `${payer}-${payee}-${more.currency?.toLowerCase() ?? 'eur'}`,
    payer,
    payee,
    lines: [{ id: 'fee', model: 'flat', fee }],
  })

export const accountOf = (brand: string, more: Partial<SettlementAccount> = {}): SettlementAccount => ({
  name: `${brand} Ltd.`,
  iban: iban[brand],
  ...more,
})

export async function register(world: SettlementNeeds, brand: string, settlementAccount = accountOf(brand)) {
  const document = BrandDocument.parse({ id: brand, name: brand, settlementAccount })
  return registerBrand(world, { caller: { brand, client: brand }, document })
}

/** October, over and closed under these contracts, with nothing used. */
export async function closedOctober(contracts: Contract[]) {
  const world = { ...(await newWorld()), contractsOf: async () => contracts }
  world.moveTo('2026-11-02T01:02:03Z')
  await close(world, october)
  return world
}
