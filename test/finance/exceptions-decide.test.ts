import { beforeAll, describe, expect, test } from 'vitest'
import { exceptionEn as text } from '../../functions/finance/messages/exception-en.ts'
import type { UsageException } from '../../schemas/exception.ts'
import { bodyOf } from '../support/gateway.ts'
import { type Desk, deskWorld, formOf, textOf } from './exceptions-world.ts'

const early = { occurredAt: '2026-10-04T04:00:00Z' }
let world: Desk
let made = 0

beforeAll(async () => {
  world = await deskWorld()
})

/** A fresh exception of one line. */
async function fresh(event: object = early, partner: 'youku' | 'eleme' = 'youku'): Promise<UsageException> {
  const id = `event-${made++}`
  await world.report(partner, [{ id, ...event }])
  const found = (await world.list('alibaba', '?limit=100')).find(({ lines }) => lines[0]?.id === id)
  if (!found) throw new Error(`no exception of ${id}`)
  return found
}
const pathOf = ({ id }: UsageException) => `/finance/exceptions/${id}`
const now = (one: UsageException) => world.view('alibaba', one)

describe('assigning', () => {
  test('to a name, then to oneself; the trail tells who did it, and the partner not whom', async () => {
    const one = await fresh()
    const lin = await world.staff({ subject: 'sub-of-lin', name: 'Lin', roles: ['operator'] })
    const first = await lin.send(await lin.open(pathOf(one)), 'assign', { assignee: '  Wang Wei ' })
    expect([first.status, `${first.url.pathname}${first.url.search}`]).toEqual([200, `${pathOf(one)}?done=assigned`])
    expect(textOf(first)).toContain(text.done.assigned)
    expect(await now(one)).toMatchObject({ state: 'assigned', assignee: 'Wang Wei' })
    const mine = await lin.send(first, 'assign', { assignee: '' }, text.act.assignMe)
    expect(textOf(mine)).toContain('sub-of-lin (staff)')
    expect(await now(one)).toMatchObject({
      assignee: 'Lin',
      audit: [{}, {}, { actor: 'staff:sub-of-lin', note: 'Lin' }],
    })
    const seen = JSON.stringify([await world.view('youku', one), await world.list('youku', '?limit=100')])
    expect(seen).not.toMatch(/Wang Wei|Lin|sub-of-lin/)
    expect(seen).toContain('"actor":"staff"')
  })

  test('a bad name is shown again with what is wrong', async () => {
    const one = await fresh()
    const mei = await world.staff()
    for (const assignee of ['', '   ', 'x'.repeat(129)]) {
      const page = await mei.send(await mei.open(pathOf(one)), 'assign', { assignee })
      expect(page.status).toBe(422)
      expect(textOf(page)).toContain(text.faults.assignee)
      expect(formOf(page, 'assign').controls.get('assignee')).toBe(assignee)
    }
    expect(await now(one)).toEqual(one)
  })

  test('twice by a double click is once', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const page = await mei.open(pathOf(one))
    for (const _ of [1, 2]) expect((await mei.send(page, 'assign', { assignee: 'Li' })).status).toBe(200)
    expect((await now(one)).audit).toHaveLength(2)
  })
})

describe('deciding', () => {
  test('accept says what is billed and when, and does it', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const page = await mei.open(pathOf(one))
    expect(textOf(page)).toContain('Bills this line, 1 use in all')
    expect(textOf(page)).toContain('youku-2026')
    expect(textOf(page)).toContain('Billed by the close of October 2026')
    const after = await mei.send(page, 'accepted', { reason: 'in good faith' })
    expect(textOf(after)).toContain(text.done.accepted)
    expect(await now(one)).toMatchObject({
      state: 'resolved',
      resolution: { outcome: 'accepted', reason: 'in good faith', actor: 'staff:mei', billedIn: '2026-10' },
    })
  })

  test('reject says until when it may be disputed; a dispute shows, and the next rejection is final', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const page = await mei.open(pathOf(one))
    expect(textOf(page)).toContain('The partner may dispute it until Nov 19, 2026')
    await mei.send(page, 'rejected', { reason: 'line one\nline two' })
    expect((await now(one)).resolution?.reason).toBe('line one\nline two')
    await bodyOf(await world.act('youku', one, 'dispute', { reason: '<b>our</b> clock' }))
    const reopened = await mei.open(pathOf(one))
    expect(textOf(reopened)).toContain(text.dispute.reopened)
    expect(textOf(reopened)).toContain('<b>our</b> clock')
    expect(reopened.body).not.toContain('<b>our')
    expect(textOf(await mei.open('/finance/exceptions'))).toContain('Disputed')
    const final = await mei.send(reopened, 'rejected', { reason: 'no' })
    expect(textOf(final)).toContain(text.decision.final)
  })

  test('adjust takes an amount in major units of the contract’s currency', async () => {
    for (const [typed, amountMinor] of [
      ['1,234.50', 123_450],
      ['１２３４．５', 123_450],
      ['¥0.01', 1],
    ] as const) {
      const one = await fresh()
      const mei = await world.staff()
      const after = await mei.send(await mei.open(pathOf(one)), 'adjusted', { reason: 'agreed', amount: typed })
      expect(textOf(after)).toContain(text.done.adjusted)
      expect((await now(one)).resolution?.amount).toEqual({ amountMinor, currency: 'CNY' })
    }
  })

  test('an amount that is none changes nothing and loses nothing', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const form = await mei.open(pathOf(one))
    for (const [amount, says] of [
      ['', text.faults.missing],
      ['1,50', text.faults.grouping('1,234.50')],
      ['1.005', text.faults.decimals('CNY', '2')],
      ['USD 5', text.faults['other-currency']('CNY')],
      ['0', text.faults.nothing],
      ['<i>', text.faults.unreadable('1,234.50')],
    ] as const) {
      const page = await mei.send(form, 'adjusted', { amount, reason: 'kept & safe' })
      expect([amount, page.status]).toEqual([amount, 422])
      expect(textOf(page)).toContain(says)
      expect(formOf(page, 'adjusted').controls.get('amount')).toBe(amount)
      expect(formOf(page, 'adjusted').controls.get('reason')).toBe('kept & safe')
      expect(formOf(page, 'rejected').controls.get('reason')).toBe('')
    }
    const noReason = await mei.send(form, 'accepted', { reason: ' ' })
    expect([noReason.status, textOf(noReason).includes(text.faults.reason)]).toEqual([422, true])
    expect(await now(one)).toEqual(one)
  })

  test('a double click decides once', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const page = await mei.open(pathOf(one))
    const answers = await Promise.all([1, 2].map(() => mei.send(page, 'accepted', { reason: 'yes' })))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect((await now(one)).audit).toHaveLength(2)
  })

  test('who comes second sees how it stands, and what was typed', async () => {
    const one = await fresh()
    const [mei, li] = [await world.staff(), await world.staff({ subject: 'li', name: 'Li' })]
    const late = await li.open(pathOf(one))
    await mei.send(await mei.open(pathOf(one)), 'rejected', { reason: 'not valid then' })
    const page = await li.send(late, 'adjusted', { amount: '12.00', reason: 'a long thought' })
    expect(page.status).toBe(409)
    const said = textOf(page)
    for (const part of [text.refused['exception-resolved'].title, 'not valid then', 'a long thought', '12.00'])
      expect(said).toContain(part)
    expect(page.forms.some(({ action }) => action.pathname.endsWith('/resolve'))).toBe(false)
    expect((await now(one)).resolution).toMatchObject({ outcome: 'rejected', actor: 'staff:mei' })
  })

  test('what changed since the page was opened is looked at first', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const page = await mei.open(pathOf(one))
    await bodyOf(await world.act('youku', one, 'dispute', { reason: 'we have proof' }))
    for (const [form, fields] of [
      ['rejected', { reason: 'kept' }],
      ['assign', { assignee: 'Kept' }],
    ] as const) {
      const shown = await mei.send(page, form, fields)
      expect(shown.status).toBe(409)
      expect(textOf(shown)).toContain(text.refused.changed.title)
      expect(textOf(shown)).toContain('we have proof')
      expect([...formOf(shown, form).controls.values()]).toContain(Object.values(fields)[0])
      if (form === 'assign') expect((await mei.send(shown, 'assign')).status).toBe(200)
    }
    expect(await now(one)).toMatchObject({ state: 'assigned', assignee: 'Kept' })
  })

  test('what cannot be billed says why before anybody tries', async () => {
    const mei = await world.staff()
    const dollars = await fresh({ amount: { amountMinor: 990, currency: 'USD' } }, 'eleme')
    const page = await mei.open(pathOf(dollars))
    expect(textOf(page)).toContain(text.obstacles['other-currency'])
    expect(page.forms.filter(({ controls }) => controls.has('outcome')).map(f => f.controls.get('outcome'))).toEqual([
      'rejected',
      'adjusted',
    ])
    const reversal = await fresh({ type: 'reversal', reverses: 'never-was' })
    expect(textOf(await mei.open(pathOf(reversal)))).toContain(text.obstacles['unbilled-target'])
    // Somebody tries all the same, with a form of another page.
    const forged = await mei.send(await mei.open(pathOf(dollars)), 'rejected', { outcome: 'accepted', reason: 'try' })
    expect(forged.status).toBe(409)
    expect(textOf(forged)).toContain(text.refused['not-billable'].title)
    expect((await now(dollars)).state).toBe('open')
  })
})

describe('who may decide', () => {
  test('an operator assigns and does not decide; members neither', async () => {
    const one = await fresh()
    const [lin, mei] = [await world.staff({ subject: 'lin', roles: ['operator'] }), await world.staff()]
    const page = await lin.open(pathOf(one))
    expect(textOf(page)).toContain(text.act.onlyFinance)
    expect(page.forms.some(({ action }) => action.pathname.endsWith('/resolve'))).toBe(false)
    for (const roles of [['operator'], []]) {
      const person = await world.staff({ subject: 'x', roles })
      // With a token of their own session, taken from the page that everybody has.
      const csrf = /name="csrf" value="([^"]+)"/.exec((await person.open('/privacy')).body)?.[1] ?? ''
      expect(csrf).not.toBe('')
      const answer = await world.app.request(`${pathOf(one)}/resolve`, {
        method: 'POST',
        headers: { cookie: person.cookie, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ csrf, outcome: 'rejected', reason: 'x', seen: one.changedAt }).toString(),
      })
      expect([roles, answer.status]).toEqual([roles, 403])
    }
    // Another session's token is worth nothing.
    const foreign = await lin.send(await mei.open(pathOf(one)), 'rejected', { reason: 'x' })
    expect([foreign.status, /csrf-token-mismatch/.test(foreign.body)]).toEqual([403, true])
    expect(await now(one)).toEqual(one)
  })

  test('without a token, or from another site, nothing happens', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const page = await mei.open(pathOf(one))
    for (const verb of ['assign', 'resolve'])
      for (const [csrf, origin] of [
        ['', 'https://tessera.example'],
        ['guess', 'https://tessera.example'],
        [formOf(page, 'assign').controls.get('csrf') ?? '', 'https://evil.example'],
      ] as const) {
        const answer = await world.app.request(`${pathOf(one)}/${verb}`, {
          method: 'POST',
          headers: { cookie: mei.cookie, origin, 'content-type': 'application/x-www-form-urlencoded' },
          body: new URLSearchParams({
            csrf,
            assignee: 'x',
            outcome: 'rejected',
            reason: 'x',
            seen: one.changedAt,
          }).toString(),
        })
        expect([verb, csrf.length, answer.status]).toEqual([verb, csrf.length, 403])
      }
    expect(await now(one)).toEqual(one)
  })

  test('an outcome that is none, and a form that is too large', async () => {
    const one = await fresh()
    const mei = await world.staff()
    const odd = await mei.send(await mei.open(pathOf(one)), 'rejected', { outcome: 'cleared', reason: 'x' })
    expect(odd.status).toBe(400)
    const large = await mei.send(await mei.open(pathOf(one)), 'rejected', { reason: 'x'.repeat(20_000) })
    expect(large.status).toBe(413)
    expect(await now(one)).toEqual(one)
  })
})
