import fc from 'fast-check'
import { expect, test } from 'vitest'
import { inexactPlaces, isExact } from '../../functions/usage/exact-json.ts'
import { judgeLine } from '../../functions/usage/parse.ts'
import { plainEvent } from '../../functions/usage/plain-event.ts'
import { UsageEvent } from '../../schemas/usage.ts'
import { eventFields } from './support.ts'

/** Values near what each field may be, on both sides of every border. */
const oneOf = <T>(...values: T[]) => fc.constantFrom(...values)
const odd = fc.oneof(
  oneOf<unknown>(
    null,
    true,
    0,
    -0,
    1,
    1.5,
    '',
    ' ',
    [],
    {},
    ['x'],
    'x\n',
    'é',
    '\ud800',
    '\u007f',
    '\u0000',
    '😀',
    '__proto__',
  ),
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 140 }),
)
const length = (...sizes: number[]) => oneOf(...sizes.map(size => 'a'.repeat(size)))
const id = fc.oneof(length(1, 64, 65, 128, 129), oneOf('e-1', 'a b', '~!', 'a\n'), odd)
const two = (value: number) => String(value).padStart(2, '0')
const instant = fc
  .tuple(
    fc.oneof(oneOf(0, 1900, 1999, 2000, 2023, 2024, 2026, 2100, 9999), fc.integer({ min: 0, max: 12_000 })),
    fc.integer({ min: 0, max: 14 }),
    fc.oneof(oneOf(28, 29, 30, 31), fc.integer({ min: 0, max: 33 })),
    oneOf('00:00:00', '23:59:59', '23:59:60', '24:00:00', '12:60:00', '12:00', '12:00:00.1', '12:00:00.123', '1:00:00'),
    oneOf('Z', 'Z', 'Z', '', 'z', '+00:00', '.1234Z', '\nZ', 'Z\n'),
  )
  .map(([year, month, day, time, end]) => `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${time}${end}`)
const amount = fc.oneof(
  odd,
  fc.record(
    {
      amountMinor: fc.oneof(oneOf<unknown>(0, -0, 1, 10_000_000_000_000, 10_000_000_000_001, 2 ** 53, 1.5, -1), odd),
      currency: fc.oneof(oneOf('CNY', 'JPY', 'XXY', 'cny', 'CNY ', 'toString'), odd),
      other: odd,
    },
    { requiredKeys: ['amountMinor'] },
  ),
)
const fields = {
  id,
  entitlementId: id,
  benefit: fc.oneof(length(1, 64, 65), oneOf('youku-vip', '-a', 'a-', 'A', 'a_b', 'a\n'), odd),
  subject: id,
  occurredAt: fc.oneof(instant, odd),
  quantity: fc.oneof(oneOf<unknown>(1, 1_000_000_000, 1_000_000_001, 0, -0, 2 ** 53, 1.5), odd),
  amount,
  type: fc.oneof(oneOf('use', 'reversal', 'Use'), odd),
  reverses: id,
  redemptionId: id,
  tokenId: id,
  ['__proto__']: odd,
  extra: odd,
}
/** A good event of which some fields are something else: mostly one, so that nothing hides behind another fault. */
const anEvent = fc
  .subarray(Object.keys(fields) as (keyof typeof fields)[], { maxLength: 4 })
  .chain(names => fc.record(Object.fromEntries(names.map(name => [name, fields[name]]))))
  .map(change => ({ ...eventFields(), ...change }))
const runs = 4_000

test('a usual event is one that the schema accepts as it stands', () => {
  let usual = 0
  fc.assert(
    fc.property(fc.oneof(anEvent, odd), value => {
      if (plainEvent(value) === undefined) return
      usual++
      const judged = UsageEvent.safeParse(value)
      expect(judged.error?.issues).toBeUndefined()
      expect(judged.data).toEqual({ type: 'use', quantity: 1, ...(value as object) })
    }),
    { numRuns: runs },
  )
  // Else the property would say nothing.
  expect(usual).toBeGreaterThan(runs / 20)
})

test('the shortcut judges every line as schema and exactness alone do', () => {
  const text = fc
    .tuple(
      fc.oneof(anEvent, odd),
      oneOf(undefined, 1),
      fc.nat(400),
      oneOf('', '', '', '"', '\\', ',', ' ', '1', '.0', '"id":1,'),
    )
    .map(([value, indent, at, more]) => {
      const line = (JSON.stringify(value, undefined, indent) ?? '').replaceAll('\n', ' ')
      return line.slice(0, at) + more + line.slice(at)
    })
  fc.assert(
    fc.property(text, line => {
      const bytes = Buffer.from(line)
      const { errors, quantity } = judgeLine(bytes)
      const value = jsonOf(bytes.toString())
      const judged = UsageEvent.safeParse(value)
      const isFine = value !== undefined && judged.success && inexactPlaces(line).length === 0
      expect(errors === undefined).toBe(isFine)
      expect(quantity).toBe(isFine ? judged.data.quantity : 0)
    }),
    { numRuns: runs },
  )
})

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

test('what is exact at a glance has no inexact place', () => {
  let exact = 0
  const member = fc.tuple(
    oneOf('quantity', 'amount', 'amountMinor', 'id', 'x'),
    oneOf('1', '"a"', '{"x":1}', '1.0', '-0', '"1.0"'),
  )
  const text = fc.array(member, { maxLength: 5 }).map(list => `{${list.map(([name, value]) => `"${name}": ${value}`)}}`)
  fc.assert(
    fc.property(text, line => {
      const value = JSON.parse(line) as Record<string, unknown>
      const entries = Object.values(value)
      const inner = entries.filter(entry => typeof entry === 'object').length
      const parts = entries.length + entries.filter(entry => typeof entry === 'string').length + inner
      if (!isExact(line, parts)) return
      exact++
      // The glance knows the numbers that an event has; a member of another name makes it no event.
      const faults = inexactPlaces(line).filter(({ pointer }) => !/^\/(id|x|amount)$/.test(pointer))
      expect(faults).toEqual([])
      expect(inexactPlaces(line).filter(({ detail }) => detail === 'duplicate member')).toEqual([])
    }),
    { numRuns: 2_000 },
  )
  expect(exact).toBeGreaterThan(100)
})
