import type { StaffPage } from './desk.ts'
import { loadMonth } from './month-data.ts'
import { lineChanges, statementChanges } from './preview-changes.ts'
import { previewView } from './views/preview.tsx'

/** What a close would post now, or what it has posted, against the month before. */
export const showPreview: StaffPage = async (desk, visit) => {
  const data = await loadMonth(desk, visit)
  const [before, now] = [data.before?.statements ?? [], data.picture.statements]
  const statements = statementChanges(before, now)
  const lines = lineChanges(before, now)
  return { view: previewView(visit, { data, statements, lines }) }
}
