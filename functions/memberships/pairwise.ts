import type { PairwiseSubject } from '../../schemas/ids.ts'
import type { Member } from '../../schemas/membership.ts'
import type { Programme } from '../../schemas/programme.ts'
import { type Random, randomId } from '../kernel/ids.ts'

/** A pairwise subject for each partner of the programme: drawn once, kept for ever. */
export function subjectsFor({ subjects }: Pick<Member, 'subjects'>, programme: Programme, random: Random) {
  const partners = new Set(programme.benefits.map(benefit => benefit.partner))
  const drawn = [...partners]
    .filter(partner => !subjects[partner])
    .map(partner => [partner, randomId<PairwiseSubject>('sub', random)] as const)
  return { ...subjects, ...Object.fromEntries(drawn) }
}
