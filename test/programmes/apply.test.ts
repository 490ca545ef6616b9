import { describe, expect, it } from 'vitest'
import { silentLog } from '../../functions/kernel/log.ts'
import { answerProblem } from '../../functions/kernel/problem.ts'
import { etagOf } from '../../functions/kernel/refusal.ts'
import { router } from '../../functions/kernel/validate.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { findProgramme, programmeFrame } from '../../functions/programmes/find-programme.ts'
import { programmeRoutes } from '../../functions/programmes/routes.ts'
import { benefit, caller, membershipWorld, plan, programmeDocument, race } from '../memberships/world.ts'

const named = (name: string, change: object = {}) => ({ name: { en: name }, ...change })

describe('applying a programme', () => {
  it('makes a version of every apply', async () => {
    const world = await membershipWorld()
    const { version } = await findProgramme(world.needs, '88vip')
    expect((await world.apply(named('New'))).version).toBe(version + 1)
    expect((await world.apply(named('New'))).version).toBe(version + 2)
    expect((await world.apply()).version).toBe(version + 3)
    expect((await findProgramme(world.needs, '88vip', version + 1)).name).toEqual({ en: 'New' })
    expect((await programmeFrame(world.needs, '88vip')).firstPeriod).toBe('2026-10')
  })

  it('keeps numbers as they were: whole, broken and large', async () => {
    const limits = { discount: 0.15, ratio: -2.5, bytes: Number.MAX_SAFE_INTEGER, tiny: 1e-12 }
    const world = await membershipWorld({ benefits: [benefit('a', 'youku', { limits })] })
    expect((await findProgramme(world.needs, '88vip')).benefits[0]?.limits).toEqual(limits)
  })

  it('is refused whole with all faults, and stores nothing', async () => {
    const world = await membershipWorld()
    const faulty = world.apply({ benefits: [benefit('a', 'tudou')], choiceGroups: [{ id: 'g', choose: 1 }] })
    await expect(faulty).rejects.toMatchObject({
      code: 'invalid-document',
      errors: [{ pointer: '/benefits/0/partner' }, { pointer: '/choiceGroups/0' }],
    })
    expect((await findProgramme(world.needs, '88vip')).version).toBe(1)
  })

  it('belongs to its brand, in its time zone', async () => {
    const world = await membershipWorld()
    const foreign = { caller: { brand: 'tencent' }, document: programmeDocument({ brand: 'tencent' }) }
    await expect(applyProgramme(world.needs, foreign)).rejects.toMatchObject({ code: 'not-yours' })
    const lent = { caller, document: programmeDocument({ brand: 'tencent' }) }
    await expect(applyProgramme(world.needs, lent)).rejects.toMatchObject({ code: 'not-yours' })
    await expect(world.apply({ timeZone: 'UTC' })).rejects.toMatchObject({ errors: [{ pointer: '/timeZone' }] })
  })

  it('minds If-Match', async () => {
    const world = await membershipWorld()
    const changed = (version: number, name: string) =>
      applyProgramme(world.needs, { caller, document: programmeDocument(named(name)), ifMatch: etagOf(version) })
    expect((await changed(1, 'Two')).version).toBe(2)
    await expect(changed(1, 'Three')).rejects.toMatchObject({ code: 'version-mismatch' })
  })

  it('gives rivals versions of their own, and none is lost', async () => {
    const world = await membershipWorld()
    const { won, refused } = await race(['A', 'B', 'C', 'D', 'E'].map(name => () => world.apply(named(name))))
    expect(refused).toEqual([])
    expect(won.map(({ version }) => version).sort()).toEqual([2, 3, 4, 5, 6])
  })
})

describe('PUT /v1/programmes/{id}', () => {
  const put = async (document: object, id = '88vip') => {
    const { needs } = await membershipWorld()
    const app = router()
    app.use(async (c, next) => {
      c.set('caller', { client: 'alibaba', brand: 'alibaba', scopes: ['programmes:write'] } as never)
      await next()
    })
    app.onError(answerProblem(silentLog))
    app.route('/', programmeRoutes(needs))
    const body = JSON.stringify(document)
    const headers = { 'content-type': 'application/json' }
    const answer = await app.request(`/v1/programmes/${id}`, { method: 'PUT', headers, body })
    return {
      status: answer.status,
      etag: answer.headers.get('etag'),
      body: (await answer.json()) as Record<string, unknown>,
    }
  }

  it('answers the version', async () => {
    expect(await put(programmeDocument(named('New')))).toMatchObject({ status: 200, etag: '"2"', body: { version: 2 } })
  })

  it('names a bad time zone beside all other faults', async () => {
    const document = { ...programmeDocument(), timeZone: 'Mars/Olympus', benefits: [benefit('a', 'tudou')] }
    const { status, body } = await put(document)
    expect(status).toBe(422)
    const errors = body['errors'] as { pointer: string }[]
    expect(new Set(errors.map(({ pointer }) => pointer))).toEqual(new Set(['/benefits/0/partner', '/timeZone']))
  })

  it('refuses unknown fields and another id by name', async () => {
    const typo = await put({ ...programmeDocument(), plan: [plan()] })
    expect(typo).toMatchObject({ status: 400, body: { errors: [{ pointer: '/plan', detail: 'unknown field' }] } })
    expect(await put(programmeDocument(), 'gold')).toMatchObject({ status: 400, body: { code: 'invalid-request' } })
  })
})
