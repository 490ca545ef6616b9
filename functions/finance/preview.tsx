import type { StaffPage } from './desk.ts'
import { loadMonth } from './month-data.ts'
import { changesSheet, linesSheet, previewLines } from './preview-sheets.tsx'
import { previewView } from './views/preview.tsx'

/** What a close would post now, or what it has posted, against the month before. */
export const showPreview: StaffPage = async (desk, visit) => {
  const data = await loadMonth(desk, visit)
  const sheets = { changes: changesSheet(visit, data), lines: linesSheet(visit, data) }
  return { view: previewView(visit, { data, sheets, lines: previewLines(data) }) }
}
