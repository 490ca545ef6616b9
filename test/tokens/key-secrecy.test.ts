import { inspect } from 'node:util'
import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { connect } from '../../functions/connect.ts'
import { wholeGateway } from '../../functions/gateway-whole.ts'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { dynamoDbClient, type Table } from '../../functions/kernel/table.ts'
import { localAccess } from '../../functions/local/engine.ts'
import { loadKeys } from '../../functions/tokens/key-creation.ts'
import { rotateDueKeys, rotateKey } from '../../functions/tokens/key-rotation.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { importPrivateKey, type Vault } from '../../functions/tokens/vault.ts'
import { KeyPurpose } from '../../schemas/key.ts'
import { kidOf, type RotationWorld, rotationWorld } from './rotation-world.ts'

/** Texts in which a private key would show: its scalar, and its PKCS #8 form, in every usual encoding. */
async function tracesOf(world: RotationWorld): Promise<string[]> {
  const { vault } = world.services
  const records = Object.values(await loadKeys(world.services)).flat()
  const traces = await Promise.all(
    records.map(async ({ purpose, kid, sealed }) => {
      const pkcs8 = Buffer.from(await vault.open(sealed, { purpose, kid }))
      const scalar = Buffer.from(importPrivateKey(pkcs8).export({ format: 'jwk' }).d ?? '', 'base64url')
      // As JSON and `inspect` show bytes, too.
      const bytes = [scalar.toJSON().data.join(','), [...scalar].join(', '), inspect(scalar).slice(8, 80)]
      const texts = (['base64', 'base64url', 'hex'] as const).map(form => scalar.toString(form))
      // The last bytes of PKCS #8 are the public key: the part before them tells of the private one.
      return [...bytes, ...texts, pkcs8.toString('base64').slice(0, 90), pkcs8.toString('hex').slice(0, 130)]
    }),
  )
  return traces.flat()
}

const json = { 'content-type': 'application/json' }
const shown = (value: unknown) =>
  inspect(value, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null })

/** Everything there is in the table, as the engine has it. */
async function wholeTable({ services }: RotationWorld): Promise<string> {
  const client = dynamoDbClient({ endpoint: inject('dynamodbEndpoint'), ...localAccess })
  const items: unknown[] = []
  let ExclusiveStartKey: Record<string, never> | undefined
  do {
    const scan = new ScanCommand({
      TableName: services.config.TABLE_NAME,
      ...(ExclusiveStartKey && { ExclusiveStartKey }),
    })
    const answer = await client.send(scan)
    items.push(...(answer.Items ?? []))
    ExclusiveStartKey = answer.LastEvaluatedKey as Record<string, never> | undefined
  } while (ExclusiveStartKey)
  expect(items.length).toBeGreaterThan(30)
  return JSON.stringify(items)
}

describe('a private key', () => {
  let world: RotationWorld
  const answers: string[] = []
  const errors: unknown[] = []
  let traces: string[]

  beforeAll(async () => {
    world = await rotationWorld()
    const [one, two] = world.instances
    const note = async (answer: Response) => {
      answers.push(`${JSON.stringify([...answer.headers])} ${await answer.text()}`)
    }
    for (const purpose of KeyPurpose.options) {
      await one.services.keys.sign(purpose, 'x+jwt', {})
      world.pass(700)
      answers.push(JSON.stringify(await world.rotate(one, purpose)))
      await note(await world.call('alibaba', 'POST', `/v1/keys/${purpose}/rotate`, { emergency: true, reason: 'test' }))
      if (purpose === 'access') break
      await two.services.keys.sign(purpose, 'x+jwt', {})
    }
    await note(await world.app.request('/.well-known/jwks.json'))
    await note(await world.app.request('/openapi.json'))
    answers.push(await world.mint(one))
    await note(await brokenMint(world))
    errors.push(...(await everyFault(world)))
    traces = await tracesOf(world)
  })

  /** A private key that comes damaged out of the vault, while a partner waits for its token. */
  async function brokenMint({ services, clock, tokenOf, request }: RotationWorld): Promise<Response> {
    const { table, vault, log } = services
    const damaged: Vault = { ...vault, open: async (...sealed) => (await vault.open(...sealed)).slice(0, 60) }
    const app = wholeGateway(connect(services.config, { table, vault: damaged, now: clock.now, log }))
    const { id } = world.link
    const headers = { authorization: `Bearer ${await tokenOf('youku', ['entitlements:read'])}`, ...json }
    const body = JSON.stringify({ linkId: id })
    const answer = await request({ method: 'POST', path: '/v1/entitlement-tokens', headers, body }, app)
    expect(answer.status).toBe(500)
    return answer
  }

  /** What can go wrong with keys, each as what was thrown. */
  async function everyFault({ services }: RotationWorld): Promise<unknown[]> {
    const { table, vault, now, wallNow, log } = services
    const ringWith = (change: { vault?: Vault; table?: Table }) => {
      const needs = { table, vault, now, wallNow, random: systemRandom, log, ...change }
      return { ...needs, keys: keyRing(needs) }
    }
    const opening = (open: Vault['open']) => ringWith({ vault: { ...vault, open } })
    const cut = opening(async (...sealed) => (await vault.open(...sealed)).slice(0, 60))
    const altered = opening(async (...sealed) => {
      const pkcs8 = Buffer.from(await vault.open(...sealed))
      pkcs8[20] = 0xff
      return pkcs8
    })
    const wrongKid = opening((sealed, context) => vault.open(sealed, { ...context, kid: 'another' }))
    const commit: Table['commit'] = async writes => {
      await table.commit([...writes, ...writes])
    }
    const twice = ringWith({ table: { ...table, commit } })
    const faults = [
      ...[cut, altered, wrongKid].map(({ keys }) => keys.sign('entitlement', 'x', {})),
      rotateKey(twice, { purpose: 'entitlement', by: 'test' }),
      rotateDueKeys({ ...twice, now: () => '2027-10-01T00:00:00Z' as ReturnType<typeof now> }),
    ]
    const settled = await Promise.allSettled(faults)
    expect(settled.map(({ status }) => status)).toEqual(faults.map(() => 'rejected'))
    return settled.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  }

  const clean = (text: string) => traces.filter(trace => text.includes(trace))

  it('would be found by these tests', async () => {
    const { privateKey } = await world.instances[0].services.keys.current('entitlement')
    expect(traces.length).toBeGreaterThan(100)
    expect(clean(JSON.stringify(privateKey.export({ format: 'jwk' })))).not.toEqual([])
    expect(clean(privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'))).not.toEqual([])
    expect(clean(shown({ cause: [privateKey.export({ format: 'jwk' })] }))).not.toEqual([])
  })

  it('is in no log line', () => {
    expect(world.lines.filter(line => line.includes('key-rotated')).length).toBeGreaterThanOrEqual(5)
    expect(world.lines.some(line => line.includes('key-rotation-failed'))).toBe(true)
    expect(clean(world.lines.join('\n'))).toEqual([])
  })

  it('is in no HTTP answer', () => {
    expect(answers.length).toBeGreaterThan(10)
    expect(clean(answers.join('\n'))).toEqual([])
    expect(answers.join('\n')).not.toMatch(/"d":|sealed/)
  })

  it('is in no error, its hidden properties and causes included', () => {
    expect(errors).toHaveLength(5)
    for (const error of errors) expect(clean(shown(error))).toEqual([])
  })

  it('is in no item of the table', async () => {
    expect(clean(await wholeTable(world))).toEqual([])
  })

  it('that was withdrawn signs no more', async () => {
    const { keys } = world.instances[0].services
    const { entitlement } = await loadKeys(world.services)
    const withdrawn = entitlement.filter(({ withdrawnAt }) => withdrawnAt).map(({ kid }) => kid)
    expect(withdrawn.length).toBeGreaterThan(0)
    expect(withdrawn).not.toContain(kidOf(await keys.sign('entitlement', 'x', {})))
  })
})
