import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { FormBrowser } from '../../functions/local/form-browser.ts'
import { issuePass } from '../../functions/passes/issue-pass.ts'
import { partnerWorld } from './partner-world.ts'

let world: Awaited<ReturnType<typeof partnerWorld>>
beforeAll(async () => {
  world = await partnerWorld()
})
afterAll(() => world.stop())
afterEach(() => world.between.reset())

async function shown(login: string): Promise<string> {
  const { member, programme } = await world.sell(login).then(async sold => {
    await world.link(sold, 'eleme', `eleme-${login}`)
    return sold
  })
  return (await issuePass(world.services, { member, programme, partner: 'eleme' })).token
}
async function scan(token: string) {
  const till = new FormBrowser({ acceptLanguage: 'en' })
  const page = await till.get(`${world.eleme.url}/till`)
  const [form] = page.forms
  if (!form) throw new Error(`no form: ${page.body}`)
  const answer = await till.submit(page, form, { token })
  return { status: answer.status, body: answer.body, code: /<code>([a-z-]+)<\/code>/.exec(answer.body)?.[1] }
}

test('a scan while the gateway is out of reach uses nothing up, and the till does not say so', async () => {
  const token = await shown('offline')
  world.between.answer = async ({ url }, next) =>
    new URL(url).pathname === '/v1/passes/redeem' ? new Response('away', { status: 502 }) : next()
  const refused = await scan(token)
  expect([refused.status, refused.code]).toEqual([409, 'pass-gateway-unavailable'])
  expect(refused.body).toContain('did not answer')
  world.between.reset()
  expect((await scan(token)).status).toBe(200)
  expect((await scan(token)).code).toBe('pass-replayed')
})

test('an answer lost on the way is asked for again: the pass is taken', async () => {
  const token = await shown('lossy')
  let lost = 0
  world.between.answer = async ({ url }, next) => {
    const answer = await next()
    if (new URL(url).pathname !== '/v1/passes/redeem' || lost === 2) return answer
    lost += 1
    return new Response('lost', { status: 504 })
  }
  expect((await scan(token)).status).toBe(200)
  expect(lost).toBe(2)
})

test('neither the log nor the page has the pass in it', async () => {
  const token = await shown('secret')
  expect((await scan(token)).body).not.toContain(token)
  expect(world.seen.lines.join('\n')).not.toContain(token)
})
