import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { settlementNeeds, usageNeeds } from '../../functions/gateway-needs.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Period } from '../../schemas/primitives.ts'
import { entitlementsAt, generatedLines, livedMonth, receivedAt } from './generated-month.ts'
import { intruder } from './tampering.ts'

const root = join(import.meta.dirname, '../..')
const closing = { programme: '88vip', period: '2026-10' as Period }

let environment: Record<string, string>

/** The command as an operator runs it. */
const verify = (...words: string[]): Promise<{ code: number; out: string; told: string }> =>
  new Promise(resolve => {
    const command = ['--import', 'tsx', 'functions/verify.ts', ...words]
    const { PATH = '' } = process.env
    execFile(process.execPath, command, { cwd: root, env: { PATH, ...environment } }, (error, out, told) =>
      resolve({ code: error ? Number(error.code) : 0, out, told }),
    )
  })

beforeAll(async () => {
  const { services, clock } = await livedMonth(2)
  const { TABLE_NAME, DYNAMODB_ENDPOINT = '' } = services.config
  environment = { TABLE_NAME, DYNAMODB_ENDPOINT }
  clock.moveTo(receivedAt)
  const body = Buffer.from(generatedLines('youku', await entitlementsAt(services, 'youku'), 40, 1).join('\n'))
  await receiveBatch(usageNeeds(services), { partner: 'youku', body, mediaType: 'application/x-ndjson' })
  await requestClose(settlementNeeds(services), closing)
  await runClose(settlementNeeds(services), closing)
}, 120_000)

test('npm run verify: tells what it compared, names what differs, and says why it verified nothing', {
  timeout: 120_000,
}, async () => {
  const right = await verify('2026-10')
  expect(right.out.split('\n')[0]).toMatch(
    /^programme +period +batches +lines +finals +statements +transfers +blocks +signatures +differences$/,
  )
  expect(right.out.split('\n')[1]).toMatch(/^88vip +2026-10 +1 +40 +\d+ +5 +\d+ +1 +6 +0$/)
  expect(right.told).toContain('88vip 2026-10: youku: 1 batches, 40 lines, 1 receipts')
  expect(right.code).toBe(0)

  const there = intruder(environment['DYNAMODB_ENDPOINT'] ?? '', environment['TABLE_NAME'] ?? '')
  const transfer = (await there.items()).find(({ itemKind }) => itemKind?.S === 'transfer')
  if (!transfer) throw new Error('nothing was posted')
  await there.put([{ ...transfer, amountMinor: { N: '1' } }])
  const wrong = await verify('--all', '--programme', '88vip')
  await there.put([transfer])
  there.end()
  expect(wrong.out).toContain(`differs: 88vip 2026-10: transfer ${transfer['id']?.S}`)
  expect(wrong.code).toBe(1)

  const answers = await Promise.all([verify('2026-11'), verify(), verify('2026-10', '--programme', 'other')])
  expect(answers.map(({ code, out }) => [code, out])).toEqual([
    [2, ''],
    [2, ''],
    [2, ''],
  ])
  expect(answers[0]?.told).toContain('2026-11 is not closed: nothing was verified')
  expect(answers[1]?.told).toContain('name a period, such as 2026-10, or --all')
  expect(answers[2]?.told).toContain('there is no programme other')
})
