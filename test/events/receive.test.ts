import { createSecretKey, generateKeyPairSync, sign } from 'node:crypto'
import { exportSPKI, SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import type { PartnerEventInput } from '../../functions/events/partner-event.ts'
import { eventTypes } from '../../schemas/event.ts'
import { clientId, type EventsWorld, eventsWorld, serve, signer } from './world.ts'

async function linked(world: EventsWorld, account = 'account-1') {
  const member = await world.sold(`holder-of-${account}`)
  return { member, link: (await world.link(member, account)).id }
}
const refused = async (answer: Response) => {
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  expect(answer.headers.get('content-language')).toBe('en')
  const { err, description, ...more } = (await answer.json()) as { err: string; description: string }
  expect([typeof description, description !== '', more]).toEqual(['string', true, {}])
  return [answer.status, err]
}
const problem = async (answer: Response) => {
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  return [answer.status, ((await answer.json()) as { code: string }).code]
}
const taken = async (answer: Response) => expect([answer.status, await answer.text()]).toEqual([202, ''])

describe('an event of a partner', () => {
  it.each<[PartnerEventInput['type'], string]>([
    ['accountPurged', 'account-closed'],
    ['accountDisabled', 'account-closed'],
    ['tokenRevoked', 'consent-revoked'],
    ['tokensRevoked', 'consent-revoked'],
  ])('%s breaks the link of its account: %s', async (type, reason) => {
    const world = await eventsWorld()
    const { link } = await linked(world)
    const other = await linked(world, 'account-2')
    await taken(await world.push(await world.youku.sign(world.claims({ type }))))
    expect([await world.stateOf(link), await world.reasonOf(link)]).toEqual(['broken', reason])
    expect(await world.stateOf(other.link)).toBe('active')
    expect(world.lines.join('\n')).toContain('event-received')
    expect(world.lines.join('\n')).not.toContain('account-1')
  })

  it('may carry its subject within, several events, a list of audiences, and types that mean nothing here', async () => {
    const world = await eventsWorld()
    const { link } = await linked(world)
    const { sub_id: subject, events: _events, ...rest } = world.claims()
    const unknown = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked'
    await taken(await world.push(await world.youku.sign({ ...rest, events: { [unknown]: { subject } } })))
    const verification = { 'https://schemas.openid.net/secevent/ssf/event-type/verification': {} }
    const ofStream = { ...rest, sub_id: { format: 'opaque', id: 'stream-1' }, events: verification }
    await taken(await world.push(await world.youku.sign(ofStream)))
    expect(await world.stateOf(link)).toBe('active')
    const events = {
      [unknown]: {},
      [eventTypes.tokensRevoked]: { subject },
      [eventTypes.accountDisabled]: { subject, reason: 'hijacking' },
    }
    const token = await world.youku.sign({ ...rest, aud: ['somebody', clientId], events })
    await taken(await world.push(token, { 'content-type': 'Application/SecEvent+JWT; charset=utf-8' }))
    expect(await world.reasonOf(link)).toBe('account-closed')
  })

  it('is taken alike whether the account is known or not, linked here or at another partner', async () => {
    const world = await eventsWorld()
    const { member, link } = await linked(world)
    const elsewhere = await world.link(member, 'account-9', 'eleme')
    const answers = await Promise.all(
      ['nobody', 'account-9', 'account-1'].map(async account => {
        const answer = await world.push(await world.youku.sign(world.claims({ account, id: account })))
        const { date: _date, ...headers } = Object.fromEntries(answer.headers)
        return [answer.status, await answer.text(), headers]
      }),
    )
    expect(answers[0]?.[0]).toBe(202)
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
    expect([await world.stateOf(link), await world.stateOf(elsewhere.id)]).toEqual(['broken', 'active'])
  })

  it('that comes again is taken again, and does nothing to a link that the member made since', async () => {
    const world = await eventsWorld()
    const { member, link } = await linked(world)
    const token = await world.youku.sign(world.claims({ type: 'tokensRevoked' }))
    await taken(await world.push(token))
    await taken(await world.push(token))
    expect(await world.stateOf(link)).toBe('broken')
    world.pass(3600)
    const again = await world.link(member, 'account-1')
    await taken(await world.push(token))
    expect(await world.stateOf(again.id)).toBe('active')
    await taken(await world.push(await world.youku.sign(world.claims({ type: 'tokensRevoked', id: 'event-2' }))))
    expect(await world.stateOf(again.id)).toBe('broken')
  })

  it('that comes again at once, its answer lost, leaves the link alone that the member made in between', async () => {
    const world = await eventsWorld()
    const { member, link } = await linked(world)
    // Of a closed account, so that there is no cooldown.
    const token = await world.youku.sign(world.claims({ type: 'accountPurged' }))
    await taken(await world.push(token))
    expect(await world.stateOf(link)).toBe('broken')
    world.pass(5)
    const again = await world.link(member, 'account-1')
    await taken(await world.push(token))
    expect(await world.stateOf(again.id)).toBe('active')
    const elsewhere = await world.link(member, 'account-1', 'eleme')
    const { issuer } = world.eleme
    const sameId = await world.eleme.sign(world.claims({ issuer }))
    await taken(await world.push(sameId, { partner: 'eleme' }))
    expect(await world.stateOf(elsewhere.id)).toBe('broken')
  })

  it('that failed half-way has its effect when it comes again', async () => {
    const world = await eventsWorld()
    const { link } = await linked(world)
    const token = await world.youku.sign(world.claims())
    const { table } = world.services
    const { commit } = table
    table.commit = () => Promise.reject(new Error('the table is gone'))
    expect((await world.push(token)).status).toBe(500)
    table.commit = commit
    await taken(await world.push(token))
    expect(await world.stateOf(link)).toBe('broken')
  })

  it('is dated by real time, wherever the business clock stands', async () => {
    const world = await eventsWorld()
    world.pass(90 * 86_400, ['business'])
    const { link } = await linked(world)
    await taken(await world.push(await world.youku.sign(world.claims())))
    expect(await world.stateOf(link)).toBe('broken')
  })
})

describe('what is no event of the partner', () => {
  const cases: [string, string, (world: EventsWorld) => Promise<string> | string][] = [
    ['unsigned, without typ', 'invalid_request', w => new UnsecuredJWT({ ...w.claims() }).encode()],
    [
      'unsigned but for its typ',
      'authentication_failed',
      w => {
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
        return `${part({ alg: 'none', typ: 'secevent+jwt' })}.${part(w.claims())}.`
      },
    ],
    [
      'signed with the public key as a secret',
      'authentication_failed',
      async w => {
        const secret = createSecretKey(Buffer.from(await exportSPKI(w.youku.publicKey)))
        return new SignJWT({ ...w.claims() })
          .setProtectedHeader({ alg: 'HS256', typ: 'secevent+jwt', kid: 'youku-1' })
          .sign(secret)
      },
    ],
    ['signed by another partner', 'invalid_key', w => w.eleme.sign(w.claims())],
    [
      'signed by another partner under our kid',
      'authentication_failed',
      w => w.eleme.sign(w.claims(), { kid: 'youku-1' }),
    ],
    ['of another alg than its key', 'invalid_key', async w => (await signer('youku-1', 'ES384')).sign(w.claims())],
    ['of another issuer', 'invalid_issuer', w => w.youku.sign({ ...w.claims(), iss: w.eleme.issuer })],
    ['wholly another partner’s', 'invalid_issuer', w => w.eleme.sign(w.claims({ issuer: w.eleme.issuer }))],
    ['for another audience', 'invalid_audience', w => w.youku.sign({ ...w.claims(), aud: 'somebody' })],
    ['for other audiences', 'invalid_audience', w => w.youku.sign({ ...w.claims(), aud: ['somebody', 'else'] })],
    ['for no audience', 'invalid_audience', w => w.youku.sign({ ...w.claims(), aud: [] })],
    ['for nested audiences', 'invalid_request', w => w.youku.sign({ ...w.claims(), aud: [[clientId]] })],
    ['an ID token', 'invalid_request', w => w.youku.sign(w.claims(), { typ: 'JWT' })],
    ['without typ', 'invalid_request', w => w.youku.sign(w.claims(), { typ: undefined })],
    ['critical of something', 'invalid_request', w => w.youku.sign(w.claims(), { crit: ['b64'], b64: true })],
    ['without jti', 'invalid_request', w => w.youku.sign({ ...w.claims(), jti: undefined })],
    ['without iat', 'invalid_request', w => w.youku.sign({ ...w.claims(), iat: undefined })],
    ['of the future', 'invalid_request', w => w.youku.sign(w.claims({ at: w.claims().iat + 61 }))],
    ['older than a day', 'invalid_request', w => w.youku.sign(w.claims({ at: w.claims().iat - 86_401 }))],
    ['dated beyond all numbers', 'invalid_request', w => w.youku.sign({ ...w.claims(), iat: 1e300 })],
    ['with sub', 'invalid_request', w => w.youku.sign({ ...w.claims(), sub: 'account-1' })],
    ['with exp', 'invalid_request', w => w.youku.sign({ ...w.claims(), exp: w.claims().iat + 60 })],
    ['without events', 'invalid_request', w => w.youku.sign({ ...w.claims(), events: {} })],
    [
      'with a list of events',
      'invalid_request',
      w => w.youku.sign({ ...w.claims(), events: [eventTypes.tokenRevoked] }),
    ],
    ['with an event that is a word', 'invalid_request', w => w.youku.sign({ ...w.claims(), events: { a: 'b' } })],
    [
      'with too many events',
      'invalid_request',
      w =>
        w.youku.sign({
          ...w.claims(),
          events: Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`u:${n}`, {}])),
        }),
    ],
    ['without subject', 'invalid_request', w => w.youku.sign({ ...w.claims(), sub_id: undefined })],
    [
      'with another format',
      'invalid_request',
      w => w.youku.sign({ ...w.claims(), sub_id: { format: 'email', email: 'x' } }),
    ],
    [
      'about an account of another issuer',
      'invalid_request',
      w => w.youku.sign({ ...w.claims(), sub_id: { format: 'iss_sub', iss: w.eleme.issuer, sub: 'account-1' } }),
    ],
    [
      'about two accounts',
      'invalid_request',
      w => {
        const subject = { format: 'iss_sub', iss: w.youku.issuer, sub: 'account-2' }
        return w.youku.sign({ ...w.claims(), events: { [eventTypes.accountPurged]: { subject } } })
      },
    ],
    ['no JWT', 'invalid_request', () => 'hello'],
    ['empty', 'invalid_request', () => ''],
    ['JSON', 'invalid_request', w => JSON.stringify(w.claims())],
    [
      'several tokens',
      'invalid_request',
      async w => `${await w.youku.sign(w.claims())}\n${await w.youku.sign(w.claims())}`,
    ],
    ['a header of junk', 'invalid_request', () => `${'_'.repeat(400)}.e30.AA`],
    [
      'nested arrays all the way down',
      'invalid_request',
      w => {
        const nested = `${'['.repeat(5000)}${']'.repeat(5000)}`
        const header = Buffer.from('{"alg":"ES256","typ":"secevent+jwt","kid":"youku-1"}').toString('base64url')
        return `${header}.${Buffer.from(`{"iss":"${w.youku.issuer}","events":${nested}}`).toString('base64url')}.AA`
      },
    ],
  ]

  it('is refused with the code that says why, and changes nothing', async () => {
    const world = await eventsWorld()
    const { link } = await linked(world)
    const seen: [string, number, string][] = []
    for (const [name, , tokenOf] of cases) {
      const [status, err] = await refused(await world.push(await tokenOf(world)))
      seen.push([name, Number(status), String(err)])
    }
    expect(seen).toEqual(cases.map(([name, err]) => [name, 400, err]))
    expect(await world.stateOf(link)).toBe('active')
    await taken(await world.push(await world.youku.sign(world.claims())))
    expect(await world.stateOf(link)).toBe('broken')
  })

  it('is refused before it is read: other types, codings, giants, and partners nobody knows', async () => {
    const world = await eventsWorld()
    const token = await world.youku.sign(world.claims())
    for (const type of ['application/json', 'application/jwt', 'text/plain', ''])
      expect(await problem(await world.push(token, { 'content-type': type }))).toEqual([415, 'unsupported-media-type'])
    const coded = await world.push(token, { 'content-encoding': 'gzip' })
    expect(await problem(coded)).toEqual([415, 'unsupported-media-type'])
    const giant = await world.youku.sign({ ...world.claims(), pad: 'x'.repeat(16 * 1024) })
    expect(await problem(await world.push(giant))).toEqual([413, 'body-too-large'])
    const chunked = new ReadableStream({
      start(controller) {
        for (let sent = 0; sent < 40; sent += 1) controller.enqueue(new TextEncoder().encode('x'.repeat(1024)))
        controller.close()
      },
    })
    expect(await problem(await world.push(chunked))).toEqual([413, 'body-too-large'])
    expect(await problem(await world.push(token, { partner: 'nobody' }))).toEqual([404, 'partner-not-found'])
    expect(await problem(await world.push(token, { partner: 'N0_body' }))).toEqual([400, 'invalid-request'])
    expect(world.youku.state.reads).toBe(0)
  })
})

describe('the keys of a partner', () => {
  it('are held for ten minutes, and asked for again for an unknown kid, but not for each one that is made up', async () => {
    const world = await eventsWorld()
    const { youku } = world
    await taken(await world.push(await youku.sign(world.claims())))
    await taken(await world.push(await youku.sign(world.claims())))
    expect(youku.state.reads).toBe(1)
    const next = await signer('youku-2')
    youku.state.keys = [youku.jwk, next.jwk]
    expect(await refused(await world.push(await next.sign(world.claims())))).toEqual([400, 'invalid_key'])
    world.pass(31)
    await taken(await world.push(await next.sign(world.claims())))
    expect(youku.state.reads).toBe(2)
    for (let made = 0; made < 5; made += 1)
      await world.push(await next.sign(world.claims(), { kid: `made-up-${made}` }))
    expect(youku.state.reads).toBe(2)
    youku.state.keys = [next.jwk]
    world.pass(599)
    await taken(await world.push(await youku.sign(world.claims())))
    world.pass(1)
    expect(await refused(await world.push(await youku.sign(world.claims())))).toEqual([400, 'invalid_key'])
    expect(youku.state.reads).toBe(3)
  })

  it('that cannot be had make the partner send again later, and are not asked for at every try', async () => {
    const world = await eventsWorld()
    const { youku } = world
    const { link } = await linked(world)
    const push = async () => world.push(await youku.sign(world.claims()))
    youku.state.status = 500
    const answer = await push()
    expect(answer.headers.get('retry-after')).toBe('10')
    expect(await problem(answer)).toEqual([503, 'partner-keys-unavailable'])
    youku.state.status = 200
    expect(await problem(await push())).toEqual([503, 'partner-keys-unavailable'])
    world.pass(10)
    await taken(await push())
    expect(await world.stateOf(link)).toBe('broken')
  })

  it.each<[string, (world: EventsWorld) => void]>([
    ['metadata of another issuer', w => Object.assign(w.youku.state.metadata, { issuer: w.eleme.issuer })],
    ['no address of keys', w => Object.assign(w.youku.state.metadata, { jwks_uri: undefined })],
    ['keys that are none', w => Object.assign(w.youku.state, { keys: [{ kid: 'youku-1' }] })],
    ['no list of keys', w => Object.assign(w.youku.state, { keys: 'youku-1' })],
    ['too many keys', w => Object.assign(w.youku.state, { keys: Array.from({ length: 101 }, () => w.youku.jwk) })],
    ['huge keys', w => Object.assign(w.youku.state, { keys: [{ ...w.youku.jwk, pad: 'x'.repeat(70_000) }] })],
  ])('cannot be had from %s', async (_name, spoil) => {
    const world = await eventsWorld()
    spoil(world)
    const answer = await world.push(await world.youku.sign(world.claims()))
    expect(await problem(answer)).toEqual([503, 'partner-keys-unavailable'])
  })

  it('come from the address that is pinned with the registration, whatever the metadata say later', async () => {
    const world = await eventsWorld()
    const { youku } = world
    await taken(await world.push(await youku.sign(world.claims())))
    youku.state.metadata = { jwks_uri: `${world.eleme.issuer}/keys` }
    world.pass(600)
    const forged = await world.eleme.sign(world.claims())
    expect(await problem(await world.push(forged))).toEqual([503, 'partner-keys-unavailable'])
    expect(world.eleme.state.reads).toBe(0)
    expect(world.lines.join('\n')).toContain('partner-metadata-changed')
    await world.register('youku', { issuer: youku.issuer })
    await taken(await world.push(forged))
  })

  it('may be RSA keys of 2,048 bits, and no shorter ones', async () => {
    const world = await eventsWorld()
    const pushed = async (modulusLength: number) => {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
      world.youku.state.keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'rsa', use: 'sig' }]
      world.pass(600)
      const [header, payload] = [{ alg: 'RS256', typ: 'secevent+jwt', kid: 'rsa' }, world.claims()].map(part =>
        Buffer.from(JSON.stringify(part)).toString('base64url'),
      )
      // By hand, since no library signs with the short one.
      const signature = sign('sha256', Buffer.from(`${header}.${payload}`), privateKey).toString('base64url')
      return world.push(`${header}.${payload}.${signature}`)
    }
    await taken(await pushed(2048))
    expect(await refused(await pushed(1024))).toEqual([400, 'invalid_key'])
  })

  it('are not taken from a key that is secret', async () => {
    const world = await eventsWorld()
    const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 'youku-1', alg: 'ES256', use: 'sig' }
    world.youku.state.keys = [secret]
    const token = await world.youku.sign(world.claims())
    expect(await refused(await world.push(token))).toEqual([400, 'invalid_key'])
  })

  it('are not looked for on this machine, unless npm start allows it', async () => {
    let asked = 0
    const issuer = await serve((_request, response) => {
      asked += 1
      response.end('{}')
    })
    const world = await eventsWorld({ loopback: false })
    await world.register('xiami', { issuer })
    const token = await world.youku.sign(world.claims({ issuer }))
    expect(await problem(await world.push(token, { partner: 'xiami' }))).toEqual([503, 'partner-keys-unavailable'])
    expect(asked).toBe(0)
  })
})
