import { Entitlement } from '../../schemas/entitlement.ts'
import type { Period } from '../../schemas/primitives.ts'
import { canonicalJson, sha256 } from '../kernel/canonical.ts'
import type { Table } from '../kernel/table.ts'
import { packLines, unpackLines } from '../usage/segments.ts'
import { historyChunks, storeHistoryChunk } from './store.ts'

type Needs = { table: Table }

/**
 * Keeps the entitlements that a close is computed from, addressed by their content: they change afterwards.
 * @returns the SHA-256 of their canonical lines in the order of their ids; the compressed bytes are not hashed, since
 * they may differ between versions of zlib
 */
export async function freezeHistory(
  { table }: Needs,
  { programme, period, entitlements }: { programme: string; period: Period; entitlements: Map<string, Entitlement> },
): Promise<string> {
  const ids = [...entitlements.keys()].sort()
  const lines = ids.map(id => Buffer.from(canonicalJson(entitlements.get(id))))
  const hash = hashOfLines(lines)
  for (const [index, segment] of packLines(lines).entries())
    await storeHistoryChunk(table, { programme, period, hash, index, lines: segment.lines, data: segment.data })
  return hash
}

/** @throws when what is stored is not what was frozen */
export async function frozenHistory(
  { table }: Needs,
  { programme, period, hash }: { programme: string; period: Period; hash: string },
): Promise<Map<string, Entitlement>> {
  const lines: Uint8Array[] = []
  for await (const { data } of historyChunks(table, { programme, period, hash }))
    for (const line of unpackLines(data)) lines.push(line)
  if (hashOfLines(lines) !== hash) throw new Error(`the frozen history ${hash} of ${programme} ${period} is not whole`)
  return new Map(
    lines.map(line => {
      const entitlement = Entitlement.parse(JSON.parse(Buffer.from(line).toString()))
      return [entitlement.id, entitlement]
    }),
  )
}

const newline = Uint8Array.of(0x0a)
const hashOfLines = (lines: Uint8Array[]): string => sha256(Buffer.concat(lines.flatMap(line => [line, newline])))
