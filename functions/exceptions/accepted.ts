import type { AcceptedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'

type Needs = { table: Table }

/** What was accepted in a period of lines that had not matched, in the order of their exceptions' ids. */
export async function acceptedIn(_needs: Needs, _programme: string, _period: Period): Promise<AcceptedUse[]> {
  return []
}
