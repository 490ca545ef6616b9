import type { Section } from './report.ts'
import type { Stage } from './stage.ts'
import { statusListFigures } from './status-lists.ts'

/** Bytes and times of the status lists of a partner with 1,000,000 links. */
export async function statusTopic({ progress }: Stage): Promise<Section> {
  progress('status: 1,000,000 links')
  return { topic: 'status', tables: [await statusListFigures()], targets: [], notes: [] }
}
