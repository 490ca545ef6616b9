import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { attemptLimit } from '../../functions/oauth/attempts.ts'
import { codeOf, only, type PagesWorld, pagesWorld, type Visitor } from './pages-world.ts'

let world: PagesWorld
beforeAll(async () => {
  world = await pagesWorld()
})
afterAll(() => world.stop())

const type = async ({ browser }: Visitor, code: string) => {
  const form = await browser.get(`${world.issuer}/device`)
  return browser.submit(form, only(form), { user_code: code })
}
const member = async (login: string, options = {}): Promise<Visitor> => {
  await world.sellTo(login)
  return world.signIn(login, '/device', options)
}
const unknown = 'No device waits with this code'

describe('the code of a device', () => {
  it('is asked for in a form for thumbs', async () => {
    const { page } = await member('form')
    const input = /<input id="user-code"[^>]*>/.exec(page.body)?.[0]
    for (const attribute of ['inputmode="text"', 'autocomplete="one-time-code"', 'autocapitalize="characters"'])
      expect(input).toContain(attribute)
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self';")
  })

  it('leads through sign-in with the code filled in, and confirms nothing by itself', async () => {
    await world.sellTo('scans')
    const code = await world.askOnDevice()
    const { page } = await world.signIn('scans', `/device?user_code=${code}`)
    expect(only(page).controls.get('user_code')).toBe(code)
    expect(page.body).not.toContain('Does your TV show this code?')
    expect(await world.poll(code)).toMatchObject({ error: 'authorization_pending' })
  })

  it('is looked at, compared and agreed to; the TV goes on', async () => {
    const visitor = await member('agrees')
    const code = await world.askOnDevice({ account: 'tv-agrees' })
    const confirm = await type(visitor, code)
    expect(confirm.status).toBe(200)
    for (const text of ['Does your TV show this code?', code, 'tv-agrees', 'Benefit youku-vip', 'If somebody sent you'])
      expect(confirm.body).toContain(text)
    const done = await visitor.browser.submit(confirm, only(confirm), {}, 'Agree and link')
    expect(done.status).toBe(200)
    expect(done.body).toContain('Your TV goes on by itself')
    expect(done.links.map(({ href }) => href.pathname)).toContain('/')
    expect(await world.poll(code)).toMatchObject({ link_id: expect.any(String), programme: '88vip' })
    expect((await world.activity('agrees')).map(({ action, via }) => [action, via])).toEqual([['linked', 'device']])
  })

  it.each([
    ['small letters', (code: string) => code.toLowerCase()],
    ['no dash', (code: string) => code.replace('-', '')],
    ['spaces', (code: string) => ` ${[...code.replace('-', '')].join(' ')} `],
    [
      'full-width letters',
      (code: string) => code.replaceAll(/[A-Z]/g, c => String.fromCharCode(c.charCodeAt(0) + 0xfee0)),
    ],
  ])('is taken with %s', async (name, spell) => {
    const visitor = await member(`spells-${name.length}`)
    const confirm = await type(visitor, spell(await world.askOnDevice()))
    expect(confirm.body).toContain('Does your TV show this code?')
  })

  it('is declined: the device is told, and the member’s log says so', async () => {
    const visitor = await member('declines')
    const code = await world.askOnDevice()
    const confirm = await type(visitor, code)
    const done = await visitor.browser.submit(confirm, only(confirm), {}, 'Cancel')
    expect(done.body).toContain('The device was told')
    expect(await world.poll(code)).toMatchObject({ error: 'access_denied' })
    const [entry, ...more] = await world.activity('declines')
    expect([entry?.action, entry?.via, more.length]).toEqual(['link-cancelled', 'device', 0])
    expect((await type(visitor, code)).status).toBe(404)
  })

  it('answered twice by a double click is one answer', async () => {
    const visitor = await member('twice')
    const code = await world.askOnDevice({ account: 'tv-twice' })
    const confirm = await type(visitor, code)
    const press = () => visitor.browser.submit(confirm, only(confirm), {}, 'Agree and link')
    const shown = await Promise.all([press(), press(), press()])
    for (const page of [...shown, await press()]) {
      expect(page.status).toBe(200)
      expect(page.body).toContain('Your TV goes on by itself')
    }
    // Whoever goes back and cancels then is not told that they cancelled.
    const late = await visitor.browser.submit(confirm, only(confirm), {}, 'Cancel')
    expect([late.status, late.body.includes(unknown)]).toEqual([404, true])
    expect(await world.poll(code)).toMatchObject({ link_id: expect.any(String) })
  })

  it('pressed twice when it has expired says so twice', async () => {
    const visitor = await member('too-late')
    const confirm = await type(visitor, await world.askOnDevice())
    world.moveWallClock(601)
    const press = () => visitor.browser.submit(confirm, only(confirm), {}, 'Agree and link')
    const shown = await Promise.all([press(), press()])
    world.moveWallClock(-601)
    for (const page of shown) expect([page.status, page.body.includes(unknown)]).toEqual([404, true])
  })

  it('asks which membership where there are several', async () => {
    await world.sellTo('two')
    await world.sellTo('two', 'gold')
    const visitor = await world.signIn('two', '/device')
    const code = await world.askOnDevice({ account: 'tv-two' })
    const choice = await type(visitor, code)
    const confirm = await visitor.browser.submit(choice, only(choice), {}, 'Gold')
    expect(confirm.body).toContain('Benefit youku-kids')
    await visitor.browser.submit(confirm, only(confirm), {}, 'Agree and link')
    expect(await world.poll(code)).toMatchObject({ programme: 'gold' })
  })

  it('speaks Chinese to who prefers it', async () => {
    const visitor = await member('zh', { acceptLanguage: 'zh-CN' })
    const confirm = await type(visitor, await world.askOnDevice())
    expect(confirm.body).toContain('您的电视显示的是这个代码吗？')
  })
})

describe('what cannot be linked on a device', () => {
  it('is explained, and the device is told', async () => {
    const visitor = await world.signIn('nobody', '/device')
    const code = await world.askOnDevice()
    const page = await type(visitor, code)
    expect([page.status, codeOf(page)]).toEqual([409, 'no-benefit-here'])
    const done = await visitor.browser.submit(page, only(page), {}, 'End this on the device')
    expect(done.body).toContain('The device was told')
    expect((await type(visitor, code)).status).toBe(404)
  })

  it('is refused by the rules of links, with its date and an entry in the log', async () => {
    const visitor = await member('cooling')
    await world.link('cooling', 'tv-old')
    await world.unlink('cooling')
    const page = await type(visitor, await world.askOnDevice({ account: 'tv-new' }))
    expect([page.status, codeOf(page)]).toEqual([409, 'relink-cooldown'])
    expect(page.body).toContain('Possible from')
    const [newest] = await world.activity('cooling')
    expect(newest).toMatchObject({ action: 'link-refused', code: 'relink-cooldown', via: 'device', partner: 'youku' })
  })
})

describe('guessing', () => {
  it('tells nothing of a code that never was, has expired or was answered, and stops after five', async () => {
    const visitor = await member('guesses')
    const answered = await world.askOnDevice()
    const confirm = await type(visitor, answered)
    await visitor.browser.submit(confirm, only(confirm), {}, 'Agree and link')
    const expired = await world.askOnDevice()
    world.moveWallClock(601)
    const bodies = new Set<string>()
    for (const code of [answered, expired, 'ZZZZ-ZZZZ', 'wrong', '12345678']) {
      const page = await type(visitor, code)
      expect(page.status).toBe(404)
      bodies.add(page.body.replaceAll(/value="[^"]*"/g, ''))
    }
    expect(bodies.size).toBe(1)
    const good = await world.askOnDevice()
    const blocked = await type(visitor, good)
    expect([blocked.status, codeOf(blocked)]).toEqual([429, 'too-many-attempts'])
    const wait = Number(blocked.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(attemptLimit.seconds - 60)
    expect(wait).toBeLessThanOrEqual(attemptLimit.seconds)
    world.moveWallClock(wait)
    const later = await type(visitor, await world.askOnDevice())
    world.moveWallClock(-601 - wait)
    expect(later.body).toContain('Does your TV show this code?')
  })

  it('does not count right codes', async () => {
    const visitor = await member('often')
    const code = await world.askOnDevice()
    for (let times = 0; times < 7; times++) expect((await type(visitor, code)).status).toBe(200)
  })

  it('gets no further with thirty guesses at once, members or not', async () => {
    const visitor = await world.signIn('crowd', '/device')
    const guesses = Array.from({ length: 30 }, (_, at) => `GUES-S${String(at).padStart(3, '0')}`)
    const form = await visitor.browser.get(`${world.issuer}/device`)
    const pages = await Promise.all(guesses.map(code => visitor.browser.submit(form, only(form), { user_code: code })))
    const statuses = pages.map(({ status }) => status)
    expect(statuses.filter(status => status === 404).length).toBeLessThanOrEqual(attemptLimit.wrong)
    expect(statuses.every(status => status === 404 || status === 429)).toBe(true)
    // Other people are not held up by it.
    expect((await type(await member('calm'), await world.askOnDevice())).status).toBe(200)
  })

  it('counts guesses that agree or cancel, too', async () => {
    const visitor = await member('blind')
    const form = await visitor.browser.get(`${world.issuer}/device`)
    const csrf = only(form).controls.get('csrf') ?? ''
    const press = async (decision: string) => {
      const answer = await fetch(`${world.issuer}/device`, {
        method: 'POST',
        headers: {
          cookie: [...visitor.browser.cookiesFor(world.issuer)].map(pair => pair.join('=')).join('; '),
          origin: world.issuer,
        },
        body: new URLSearchParams({ csrf, user_code: 'SAME-CODE', decision }),
      })
      return answer.status
    }
    const statuses: number[] = []
    for (const decision of ['agree', 'cancel', 'agree', 'agree', 'back', 'agree']) statuses.push(await press(decision))
    expect(statuses).toEqual([404, 404, 404, 404, 404, 429])
  })

  it.each(['', '   ', '-'.repeat(40), 'A'.repeat(5000), '😀😀', '电视'])('takes %j for no code at all', async code => {
    const visitor = await world.signIn('odd', '/device')
    const page = await type(visitor, code)
    expect(page.status).toBe(404)
    expect(page.body).toContain(unknown)
  })
})

describe('forms from elsewhere', () => {
  it.each([
    ['without the token', { csrf: '' }, undefined],
    ['with a foreign Origin', {}, 'https://evil.example'],
  ])('are refused %s', async (_name, fields, origin) => {
    const visitor = await member(`forged-${origin ? 'origin' : 'token'}`)
    const code = await world.askOnDevice()
    const confirm = await type(visitor, code)
    const from = origin ? { ...confirm, url: new URL(origin) } : confirm
    const answer = await visitor.browser.submit(from, only(confirm), fields, 'Agree and link')
    expect([answer.status, codeOf(answer)]).toEqual([403, 'csrf-token-mismatch'])
    expect(await world.poll(code)).toMatchObject({ error: 'authorization_pending' })
  })
})

it('no log line names a code, a person or an account', () => {
  const lines = world.lines.join('\n')
  expect(lines).toContain('grant-refused')
  expect(lines).not.toMatch(/tv-|SAME|GUES|cooling|guesses/)
})
