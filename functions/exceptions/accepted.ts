import { AcceptedUse } from '../../schemas/disposition.ts'
import type { ExceptionId } from '../../schemas/ids.ts'
import type { Period } from '../../schemas/primitives.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import type { Table, Write } from '../kernel/table.ts'
import { packLines, unpackLines } from '../usage/segments.ts'
import {
  type AcceptancePeriod,
  acceptedChunks,
  acceptedChunkWrite,
  acceptedHeadWrite,
  findAcceptedHead,
} from './accepted-store.ts'

type Needs = { table: Table }

/** What was accepted in a period of lines that had not matched, in the order of their exceptions' ids and lines. */
export async function acceptedIn({ table }: Needs, programme: string, period: Period): Promise<AcceptedUse[]> {
  const chunks = await acceptedChunks(table, { programme, period })
  return chunks.flatMap(({ data, lines, exception }) => {
    const texts = unpackLines(data)
    if (texts.length !== lines) throw new Error(`a chunk of the accepted exception ${exception} is not whole`)
    return texts.map(text => AcceptedUse.parse(JSON.parse(Buffer.from(text).toString())))
  })
}

/**
 * Cuts the acceptances of a period off, as part of the transaction that cuts the period off. It is read before the
 * acceptances are: if one commits in between, this write is refused, and the cutoff begins again with it.
 */
export async function acceptedCutoff({ table }: Needs, closing: AcceptancePeriod): Promise<Write> {
  return acceptedHeadWrite(closing, await findAcceptedHead(table, closing), true)
}

/**
 * The writes that accept lines in a period, or in the first one after it that is not cut off. They are one transaction
 * with the exception's own: an acceptance of thousands of lines is whole or not at all. It fits, since a batch has
 * 10,000 lines at most, of which gzip leaves less than 100 bytes each.
 */
export async function acceptanceWrites(
  { table }: Needs,
  { programme, period: earliest }: AcceptancePeriod,
  usesIn: (period: Period) => AcceptedUse[],
): Promise<{ period: Period; writes: Write[] }> {
  let period = earliest
  let head = await findAcceptedHead(table, { programme, period })
  while (head?.cutOff) {
    period = nextPeriod(period)
    head = await findAcceptedHead(table, { programme, period })
  }
  const uses = usesIn(period)
  const exception = uses[0]?.exception as ExceptionId
  const segments = packLines(uses.map(use => Buffer.from(canonicalJson(AcceptedUse.parse(use)))))
  return {
    period,
    writes: [
      acceptedHeadWrite({ programme, period }, head, false),
      ...segments.map(({ lines, data }, index) =>
        acceptedChunkWrite({ programme, period }, { exception, index, lines, data }),
      ),
    ],
  }
}
