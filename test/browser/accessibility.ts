import axe from 'axe-core'
import type { Page } from 'playwright-core'

const standards = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

type Found = { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }

/** What axe finds against WCAG 2.2 AA, one line each. Wants a page on which scripts run. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  const options = { runOnly: { type: 'tag', values: standards }, resultTypes: ['violations'] }
  // Put in through the debugger: the page's own policy lets no script in.
  await page.evaluate(`${axe.source};undefined`)
  const found = await page.evaluate<Found[]>(
    `axe.run(document, ${JSON.stringify(options)}).then(({ violations }) => violations)`,
  )
  return found.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} (${impact}) ${target.join(' ')}: ${failureSummary}`),
  )
}
