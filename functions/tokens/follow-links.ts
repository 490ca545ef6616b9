import type { LinkRecord } from '../../schemas/link.ts'
import { type StatusIndex, tokenStatus } from '../../schemas/status-list.ts'
import type { Table } from '../kernel/table.ts'
import { findLinkRecords } from '../links/records.ts'
import { statusOf } from './link-status.ts'
import { type Mark, markStatuses } from './mark-statuses.ts'

/** That a link changed, and the indexes that it had before or after. */
export type LinkTrace = { link: string; partner: string; indexes: StatusIndex[] }

/** How often links may move on while their bits are written; then the whole batch comes again. */
const mostRounds = 8

/**
 * Brings the bits of changed links in line with the links as they are now: an index that a link has had and no longer
 * has is invalid for good, its present one shows its present state. Changes may come twice, late, in any order and to two
 * consumers at once, so nothing is taken from them but where to look.
 */
export async function followLinks({ table }: { table: Table }, traces: LinkTrace[]): Promise<void> {
  let open = perLink(traces)
  let links = await linksOf(table, open)
  for (let round = 1; open.length > 0; round++) {
    if (round > mostRounds) throw new Error('links change faster than their status can follow')
    const isChanged = await markStatuses(
      { table },
      open.flatMap(trace => marksOf(trace, links.get(trace.link))),
    )
    if (!isChanged) return
    // A slow consumer may just have written what an older version of the link asked for, over a quicker one's bit.
    const seen = links
    links = await linksOf(table, open)
    open = open
      .filter(({ link }) => links.get(link)?.seq !== seen.get(link)?.seq)
      .map(trace => ({ ...trace, indexes: [...trace.indexes, ...indexOf(seen.get(trace.link))] }))
  }
}

/** The bits that a trace asks for, given the link as it is, or none where it is gone (pure). */
export function marksOf({ partner, indexes }: LinkTrace, link: LinkRecord | undefined): Mark[] {
  const [present] = indexOf(link)
  const retired = indexes.filter(({ list, index }) => list !== present?.list || index !== present.index)
  return [
    ...retired.map(at => ({ partner, at, status: tokenStatus.invalid })),
    ...(link && present ? [{ partner, at: present, status: statusOf(link) }] : []),
  ]
}

const indexOf = (link: LinkRecord | undefined): StatusIndex[] => (link?.status ? [link.status] : [])

const perLink = (traces: LinkTrace[]): LinkTrace[] =>
  [...Map.groupBy(traces, ({ link }) => link)].flatMap(([link, [first, ...more]]) =>
    first ? [{ link, partner: first.partner, indexes: [first, ...more].flatMap(({ indexes }) => indexes) }] : [],
  )

async function linksOf(table: Table, traces: LinkTrace[]): Promise<Map<string, LinkRecord>> {
  const found = await findLinkRecords(
    table,
    traces.map(({ link }) => link),
  )
  return new Map(found.map(link => [link.id, link]))
}
