import type { Page } from '../../functions/local/form-browser.ts'

/** What a page lacks for people who cannot see it or use a mouse; a browser with axe finds more. Empty is good. */
export function pageFaults({ body }: Page): string[] {
  const faults: string[] = []
  const all = (pattern: RegExp) => [...body.matchAll(pattern)].map(([, found = '']) => found)
  const levels = all(/<h([1-6])\b/g).map(Number)
  if (levels.filter(level => level === 1).length !== 1) faults.push('not exactly one h1')
  levels.forEach((level, place) => {
    if (level > (levels[place - 1] ?? 0) + 1) faults.push(`h${level} after h${levels[place - 1] ?? 0}`)
  })
  const ids = all(/\sid="([^"]*)"/g)
  for (const id of ids.filter((id, place) => ids.indexOf(id) !== place)) faults.push(`the id ${id} twice`)
  for (const id of all(/\saria-(?:labelledby|describedby)="([^"]*)"/g)) {
    if (!ids.includes(id)) faults.push(`nothing has the id ${id}`)
  }
  for (const id of all(/<a\b[^>]*href="#([^"]+)"/g)) if (!ids.includes(id)) faults.push(`a link to #${id}`)
  if (!/<html lang="(en|zh-CN)">/.test(body)) faults.push('no language')
  if (!/<title>[^<]+ · Tessera<\/title>/.test(body)) faults.push('no title')
  if (!/<main\b/.test(body)) faults.push('no main')
  const unlabelled = body.replace(/<label\b[\s\S]*?<\/label>/g, '').matchAll(/<input\b(?![^>]*type="hidden")[^>]*>/g)
  for (const [control] of unlabelled) faults.push(`no label: ${control}`)
  for (const text of all(/<(?:a|button)\b[^>]*>([\s\S]*?)<\/(?:a|button)>/g)) {
    if (text.replace(/<[^>]*>/g, '').trim() === '') faults.push('a link or button without a name')
  }
  if (/undefined|\[object|NaN|=>/.test(body.replace(/<[^>]*>/g, ''))) faults.push('a value that is none')
  if (/<script|\sstyle=|\son\w+="/.test(body)) faults.push('script or style within the page')
  return faults
}
