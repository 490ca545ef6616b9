import { Disposition, type LineOutcome, type MatchedUse } from '../../schemas/disposition.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { packPiece, unpackPiece } from './piece.ts'

/** What many outcomes have in common. */
type Terms = {
  programme?: string
  period?: Period
  matched?: Pick<MatchedUse, 'benefit' | 'plan' | 'type' | 'originPeriod' | 'day' | 'contracts'>
}
type Texts = { terms: Terms[]; ids: string[]; entitlements: string[]; subjects: string[]; instants: Instant[] }

const dispositions = Disposition.options
const codes = new Map(dispositions.map((disposition, code) => [disposition, code]))

/** Outcomes as a piece of the spill. Those of malformed lines are no part of it. */
export function packOutcomes(outcomes: readonly LineOutcome[]): Uint8Array {
  const size = outcomes.length
  const [sequences, lines, judged, termed] = Array.from({ length: 4 }, () => new Uint32Array(size)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  const quantities: number[] = []
  const amounts: number[] = []
  const known: KnownTerms = new Map()
  const texts: Texts = { terms: [], ids: [], entitlements: [], subjects: [], instants: [] }
  for (let at = 0; at < size; at++) {
    const outcome = outcomes[at]
    if (!outcome) continue
    const { sequence, line, id = '', disposition, matched } = outcome
    sequences[at] = sequence
    lines[at] = line
    judged[at] = codes.get(disposition) ?? 0
    termed[at] = termsIndex(outcome, known, texts.terms)
    texts.ids.push(id)
    if (!matched) continue
    texts.entitlements.push(matched.entitlement)
    texts.subjects.push(matched.subject)
    texts.instants.push(matched.occurredAt)
    quantities.push(matched.quantity)
    amounts.push(matched.amountMinor ?? Number.NaN)
  }
  return packPiece({
    counts: [sequences, lines, judged, termed],
    numbers: [Float64Array.from(quantities), Float64Array.from(amounts)],
    json: JSON.stringify(texts),
  })
}

/** Outcomes with the same terms mostly share the list of contracts: it leads to the few terms that have it. */
type KnownTerms = Map<unknown, number[]>

function termsIndex({ programme, period, matched }: LineOutcome, known: KnownTerms, terms: Terms[]): number {
  const alike = known.get(matched?.contracts) ?? []
  for (const index of alike) {
    const other = terms[index]
    if (other?.programme === programme && other?.period === period && isAlike(other?.matched, matched)) return index
  }
  known.set(matched?.contracts, alike)
  alike.push(terms.length)
  const common = matched && {
    benefit: matched.benefit,
    plan: matched.plan,
    type: matched.type,
    originPeriod: matched.originPeriod,
    day: matched.day,
    contracts: matched.contracts,
  }
  terms.push({ ...(programme && { programme }), ...(period && { period }), ...(common && { matched: common }) })
  return terms.length - 1
}

const isAlike = (a: Terms['matched'], b: Terms['matched']): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.day === b.day &&
    a.type === b.type &&
    a.plan === b.plan &&
    a.originPeriod === b.originPeriod &&
    a.benefit === b.benefit)

/** Appends the outcomes of a piece. */
export function unpackOutcomes(bytes: Uint8Array, partner: string, into: LineOutcome[]): void {
  const { counts, numbers, json } = unpackPiece(bytes)
  const [sequences = [], lines = [], judged = [], termed = []] = counts
  const [quantities = [], amounts = []] = numbers
  const { terms, ids, entitlements, subjects, instants } = JSON.parse(json) as Texts
  let match = 0
  for (let at = 0; at < ids.length; at++) {
    const { programme, period, matched } = terms[termed[at] ?? 0] ?? {}
    const outcome: LineOutcome = {
      partner,
      sequence: sequences[at] ?? 0,
      line: lines[at] ?? 0,
      id: ids[at] ?? '',
      disposition: dispositions[judged[at] ?? 0] ?? 'malformed',
    }
    if (programme !== undefined) outcome.programme = programme
    if (period !== undefined) outcome.period = period
    if (matched) {
      const amount = amounts[match] ?? Number.NaN
      outcome.matched = {
        entitlement: entitlements[match] as MatchedUse['entitlement'],
        benefit: matched.benefit,
        subject: subjects[match] ?? '',
        plan: matched.plan,
        type: matched.type,
        occurredAt: instants[match] as Instant,
        originPeriod: matched.originPeriod,
        quantity: quantities[match] ?? 0,
        day: matched.day,
        contracts: matched.contracts,
      }
      if (!Number.isNaN(amount)) outcome.matched.amountMinor = amount
      match++
    }
    into.push(outcome)
  }
}
