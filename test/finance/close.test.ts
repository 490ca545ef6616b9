import { beforeAll, describe, expect, test } from 'vitest'
import { moneyEn } from '../../functions/finance/messages/money-en.ts'
import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { runClose } from '../../functions/settlement/close.ts'
import { closesOf } from '../../functions/settlement/closed-periods.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { october } from '../support/gateway.ts'
import { close, codeOf, formTo, type MoneyWorld, moneyWorld, visitorOf } from './money-world.ts'

const path = '/finance/periods/88vip/2026-10/close'
const november = '/finance/periods/88vip/2026-11/close'
const m = moneyEn.close
let world: MoneyWorld
beforeAll(async () => {
  world = await moneyWorld()
}, 120_000)
const closes = () => closesOf(world.services, '88vip')

describe('closing a month on its page', () => {
  test('is for staff; operators read why they have no button', async () => {
    const member = await visitorOf(world, [])
    expect(codeOf(await member.get(path))).toBe('staff-only')
    const nobody = await world.app.request(path, { headers: { accept: 'text/html' } })
    expect([nobody.status, nobody.headers.get('location')]).toEqual([
      303,
      `/sign-in?return=${encodeURIComponent(path)}`,
    ])
  })

  test('says that the month is not over, and from when on it can be closed', async () => {
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(path)
    expect(page.status).toBe(200)
    expect(page.text).toContain(m.refusals['period-not-over']('November 1, 2026'))
    expect(formTo(page, '/close')).toBeUndefined()
    // The statement totals are those of the API's preview.
    expect(page.text).toContain('CN¥212.00')
    const csrf = formTo(page, '/sign-out')?.controls.get('csrf') ?? ''
    const refused = await finance.send(path, { csrf, confirm: '2026-10' })
    expect(refused.status).toBe(409)
    expect(refused.text).toContain(m.refusals['period-not-over']('November 1, 2026'))
    expect(await closes()).toEqual([])
  })

  test('months that there are not are not found, however they are written', async () => {
    const finance = await visitorOf(world, ['finance'])
    for (const [address, code] of [
      ['/finance/periods/88vip/2026-13/close', 'period-not-found'],
      ['/finance/periods/88vip/2030-01/close', 'period-not-found'],
      ['/finance/periods/none/2026-10/close', 'programme-not-found'],
      ['/finance/periods/%2e%2e%23/2026-10/close', 'programme-not-found'],
    ] as const) {
      const page = await finance.get(address)
      expect([address, page.status, codeOf(page)]).toEqual([address, 404, code])
    }
  })

  test('a later month waits for the earlier one, and leads to it', async () => {
    world.clock.moveTo('2026-12-02T00:00:00Z' as Instant)
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(november)
    expect(page.text).toContain(m.refusals['earlier-period-open']('October 2026'))
    expect(page.body).toContain(`href="${path}"`)
    const csrf = formTo(page, '/sign-out')?.controls.get('csrf') ?? ''
    expect((await finance.send(november, { csrf, confirm: '2026-11' })).status).toBe(409)
    expect(await closes()).toEqual([])
  })

  test('is begun by finance only, with the box ticked and the form our own', async () => {
    const operator = await visitorOf(world, ['operator'])
    const seen = await operator.get(path)
    expect(formTo(seen, '/close')).toBeUndefined()
    expect(seen.text).toContain(m.onlyFinance)
    const theirs = formTo(seen, '/sign-out')?.controls.get('csrf') ?? ''
    expect(codeOf(await operator.send(path, { csrf: theirs, confirm: '2026-10' }))).toBe('finance-only')

    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(path)
    const form = formTo(page, '/close')
    const csrf = form?.controls.get('csrf') ?? ''
    expect(csrf).toMatch(/^[\w-]{32}$/)
    for (const [fields, headers] of [
      [{ confirm: '2026-10' }, {}],
      [{ csrf: theirs, confirm: '2026-10' }, {}],
      [{ csrf, confirm: '2026-10' }, { origin: 'https://evil.example' }],
    ] as const) {
      const refused = await finance.send(path, fields as Record<string, string>, headers as Record<string, string>)
      expect([refused.status, codeOf(refused)]).toEqual([403, 'csrf-token-mismatch'])
    }
    const unticked = await finance.send(path, { csrf })
    expect(unticked.status).toBe(400)
    expect(unticked.text).toContain(m.unconfirmed)
    const other = await finance.send(path, { csrf, confirm: '2026-11' })
    expect(other.status).toBe(400)
    expect(await closes()).toEqual([])
  })

  test('starts, shows how far it is, takes being asked again, and ends', async () => {
    const finance = await visitorOf(world, ['finance'])
    const form = formTo(await finance.get(path), '/close')
    const answer = await finance.submit(form, { confirm: '2026-10' })
    expect([answer.status, answer.headers.get('location')]).toEqual([303, path])
    expect((await closes()).map(({ period, state }) => [period, state])).toEqual([['2026-10', 'cutoff']])

    const running = await finance.get(path)
    expect(running.headers.get('refresh')).toBe('5')
    expect(running.body).toMatch(/<li class="is-done">[\s\S]*Cut off/)
    expect(running.body).toMatch(/<li class="is-current" aria-current="step">[\s\S]*Reconciled/)
    // A close that stands still is not looked at again and again.
    world.clock.moveTo('2026-12-02T00:02:00Z' as Instant)
    const stands = await finance.get(path)
    expect(stands.headers.get('refresh')).toBeNull()
    expect(stands.text).toContain(m.lookAgain)
    expect(stands.body.indexOf(m.again)).toBeLessThan(stands.body.indexOf('id="progress"'))
    const again = await finance.submit(formTo(stands, '/close'))
    expect(again.status).toBe(303)
    expect((await closes())[0]?.requests).toBe(2)
    const operator = await visitorOf(world, ['operator'])
    const seen = await operator.get(path)
    expect(formTo(seen, '/close')).toBeUndefined()
    expect(seen.text).toContain(m.onlyFinance)

    await runClose(settlementNeeds(world.services), { programme: '88vip', period: october })
    const done = await finance.get(path)
    expect(done.headers.get('refresh')).toBeNull()
    expect(done.text).toContain(m.closedTitle('October 2026'))
    expect(done.body).not.toContain('aria-current="step"')
    expect(done.body).toContain('href="/finance/periods/88vip/2026-10/netting"')
    expect(formTo(done, '/close')).toBeUndefined()
  })

  test('says the same in Chinese', async () => {
    const finance = await visitorOf(world, ['finance'], 'zh-CN')
    expect((await finance.get(path)).text).toContain('2026年10月已结账')
    await close(world, '2026-11')
    expect((await finance.get(november)).text).toContain('2026年11月已结账')
  })
})
