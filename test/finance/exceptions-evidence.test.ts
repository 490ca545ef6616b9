import { beforeAll, describe, expect, test } from 'vitest'
import { exceptionEn as text } from '../../functions/finance/messages/exception-en.ts'
import { exceptionZh } from '../../functions/finance/messages/exception-zh.ts'
import { type Desk, deskWorld, textOf } from './exceptions-world.ts'

const early = { occurredAt: '2026-10-04T04:00:00Z' }
let world: Desk
beforeAll(async () => {
  world = await deskWorld()
})

/** Reports lines as they are, and gives the exception that comes of the first. */
async function pageOf(partner: 'youku' | 'eleme', events: { id: string; [name: string]: unknown }[], below = '') {
  await world.report(partner, events)
  const id = events[0]?.id
  const one = (await world.list('alibaba', '?limit=100')).find(({ lines }) => lines.some(line => line.id === id))
  const mei = await world.staff()
  return { one, mei, page: await mei.open(`/finance/exceptions/${one?.id}${below}`) }
}

describe('what a partner wrote is text and nothing else', () => {
  test('HTML', async () => {
    const id = '</pre></section><script>alert(1)</script><img/src=x/onerror=alert(1)>'
    const { page } = await pageOf('youku', [{ id, ...early }])
    expect(page.status).toBe(200)
    expect(page.body).not.toMatch(/<script|<img/)
    expect(textOf(page)).toContain(id)
  })

  test('characters that turn text around, or show nothing, are told by their number', async () => {
    const { page, one } = await pageOf('youku', [{ id: 'rtl', ...early, subject: 'a\u202Eb\u200Bc\u2066d\u0085e' }])
    expect(one?.evidence.text).toContain('\u202E')
    expect(page.body).not.toMatch(/[\u202E\u200B\u2066\u0085]/)
    expect(page.body).toContain('a⟨U+202E⟩b⟨U+200B⟩c⟨U+2066⟩d⟨U+0085⟩e')
    expect(textOf(page)).toContain(text.evidence.invisible)
  })

  test('a decision’s and a colleague’s name too', async () => {
    const { page, mei, one } = await pageOf('youku', [{ id: 'names', ...early }])
    const named = await mei.send(page, 'assign', { assignee: '<i>\u202Eiel' })
    expect(named.body).not.toMatch(/<i>|\u202E/)
    const odd = await world.staff({ subject: '"><script>', name: '<u>' })
    const done = await odd.send(await odd.open(`/finance/exceptions/${one?.id}`), 'rejected', { reason: '<u>why</u>' })
    expect(done.status).toBe(200)
    expect(done.body).not.toMatch(/<script>|<u>/)
  })

  test('2 KB and more', async () => {
    const parts = { id: 'long', ...world.youku, ...early, subject: '好'.repeat(20) }
    // JSON may have spaces wherever it likes.
    const line = JSON.stringify(parts).replace('{', `{${' '.repeat(3_000)}`)
    const sent = await world.call('youku', 'POST', '/v1/usage-batches', `${line}\n`, {
      'content-type': 'application/x-ndjson',
    })
    expect(sent.status).toBe(202)
    await world.reconcile('youku')
    const found = (await world.list('alibaba', '?limit=100')).find(({ lines }) => lines[0]?.id === 'long')
    const page = await (await world.staff()).open(`/finance/exceptions/${found?.id}`)
    expect(page.status).toBe(200)
    expect(textOf(page)).toContain(text.evidence.truncated)
    expect(page.body).not.toContain('\ufffd')
  })
})

describe('evidence', () => {
  test('times of the benefit by the clock of the programme, with the use among them', async () => {
    const { page } = await pageOf('youku', [{ id: 'when', ...early }])
    const said = textOf(page)
    expect(said).toContain(text.evidence.use)
    expect(said).toContain('Oct 4, 2026, 12:00')
    expect(said).toContain(text.evidence.openEnd)
    expect(said.indexOf(text.evidence.use)).toBeLessThan(said.indexOf(`${text.evidence.valid} Oct`))
    expect(said).toContain('Asia/Shanghai')
    expect(said).toContain('youku-2026')
  })

  test('the earlier line of a conflict, and a quota that is used up', async () => {
    await world.report('youku', [{ id: 'twice' }])
    const { page } = await pageOf('youku', [{ id: 'twice', quantity: 2 }])
    expect(textOf(page)).toContain(text.evidence.earlier)
    const { page: quota } = await pageOf('eleme', [{ id: 'q-5', quantity: 5 }])
    expect(textOf(quota)).toContain(text.evidence.quotaText('4', text.evidence.quotaOf.P1M))
    expect(textOf(quota)).toContain('2026-10')
  })

  test('another member is said, never which', async () => {
    const { page } = await pageOf('youku', [{ id: 'who', subject: 'nobody' }])
    expect(textOf(page)).toContain(text.evidence.differs)
    expect(page.body).not.toContain(world.youku.subject)
  })

  test('in Chinese, without a hole', async () => {
    const { one } = await pageOf('youku', [{ id: 'zh', ...early }])
    const page = await (await world.staff({ language: 'zh-CN' })).open(`/finance/exceptions/${one?.id}`)
    expect(textOf(page)).toContain(exceptionZh.evidence.timeline)
    expect(textOf(page)).not.toMatch(/undefined|NaN|\[object/)
  })
})

describe('lines', () => {
  test('the first twenty, and all of them page by page', async () => {
    const events = Array.from({ length: 130 }, (_, at) => ({ id: `many-${at}`, ...early }))
    const { page, one, mei } = await pageOf('youku', events)
    expect(textOf(page)).toContain(text.lines.some('20', '130'))
    expect(page.body).toContain('many-19<')
    expect(page.body).not.toContain('many-20<')
    const first = await mei.open(`/finance/exceptions/${one?.id}/lines`)
    expect(first.body).toContain('many-99<')
    expect(first.body).not.toContain('many-100<')
    const next = first.links.find(({ text: name }) => name === 'Next page')
    const second = await mei.open(`${next?.href.pathname}${next?.href.search}`)
    expect(second.body).toContain('many-129<')
    const lost = await mei.open(`/finance/exceptions/${one?.id}/lines?cursor=x`)
    expect([lost.status, lost.url.search]).toEqual([200, ''])
  })
})
