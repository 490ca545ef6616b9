import { allPartners } from '../partners/find-partner.ts'
import { type Language, localized } from '../portal/language.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import type { Desk } from './desk.ts'

/** What the queue calls programmes and partners, and what it can be filtered by. */
export type QueueNames = {
  programmes: ReadonlyMap<string, { name: string; timeZone: string }>
  partners: ReadonlyMap<string, string>
}

export async function queueNames(desk: Desk, language: Language): Promise<QueueNames> {
  const [frames, partners] = await Promise.all([desk.exceptions.allProgrammes(), allPartners(desk)])
  const named = await Promise.all(
    frames.map(async ({ id, timeZone }) => {
      const { name } = await findProgramme(desk, id)
      return [id, { name: localized(name, language), timeZone }] as const
    }),
  )
  return {
    programmes: new Map(named),
    partners: new Map(partners.map(({ id, name }) => [id, localized(name, language)])),
  }
}

/** The time zone of a programme, in which all times of its exceptions are shown. */
export const zoneOf = ({ programmes }: QueueNames, programme: string | undefined): string =>
  programmes.get(programme ?? '')?.timeZone ?? 'UTC'
export const partnerName = ({ partners }: QueueNames, id: string): string => partners.get(id) ?? id
export const programmeName = ({ programmes }: QueueNames, id: string | undefined): string =>
  programmes.get(id ?? '')?.name ?? id ?? '–'
