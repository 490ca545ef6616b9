import { describe, expect, inject, it } from 'vitest'
import { systemRandom } from '../../functions/kernel/ids.ts'
import { dynamoDbClient, openTable, type Table } from '../../functions/kernel/table.ts'
import { drawStatusIndex } from '../../functions/tokens/draw-status-index.ts'
import { indexOfDraw, placeOfDraw, type RoundFunction, roundFunction } from '../../functions/tokens/status-order.ts'
import { findFamily } from '../../functions/tokens/status-store.ts'
import { statusListSize } from '../../schemas/status-list.ts'
import { freshTable } from '../support/table.ts'

const keyOf = (byte: number) => new Uint8Array(32).fill(byte)
/** A whole list asks for each of 5,120 values 512 times. */
function remembered(roundOf: RoundFunction): RoundFunction {
  const known = new Map<number, number>()
  return (round, half) => {
    const value = known.get(round * 512 + half) ?? roundOf(round, half)
    known.set(round * 512 + half, value)
    return value
  }
}
/** Every place of a list, in the order in which they are drawn. */
const wholeOrder = (key: Uint8Array, list: number) => {
  const roundOf = remembered(roundFunction(key, list))
  return Uint32Array.from({ length: statusListSize }, (_, draw) => placeOfDraw(draw, roundOf))
}
const same = (a: Uint32Array, b: Uint32Array) => a.reduce((sum, place, draw) => sum + (place === b[draw] ? 1 : 0), 0)

describe('the order in which indexes are drawn', () => {
  it.each([1, 2, 4, 1_000_000])('draws every place of list %i exactly once', list => {
    const order = wholeOrder(keyOf(list & 255), list)
    expect(new Set(order).size).toBe(statusListSize)
    expect([order.toSorted()[0], order.toSorted().at(-1)]).toEqual([0, statusListSize - 1])
    for (const draw of [0, 1, 77_777, statusListSize - 1])
      expect(indexOfDraw(keyOf(list & 255), (list - 1) * statusListSize + draw)).toEqual({ list, index: order[draw] })
  })

  it('is another one in each list and under each key, and tells nothing of the draw', () => {
    const [first, second, other] = [wholeOrder(keyOf(1), 1), wholeOrder(keyOf(1), 2), wholeOrder(keyOf(2), 1)]
    // Two random permutations agree at one place on average.
    for (const pair of [same(first, second), same(first, other), same(second, other)]) expect(pair).toBeLessThan(12)
    // Neighbours in the order are not neighbours in the list: on average a third of its length apart.
    const apart = first.reduce((sum, place, draw) => sum + Math.abs(place - (first[draw + 1] ?? place)), 0)
    expect(Math.abs(apart / statusListSize / (statusListSize / 3) - 1)).toBeLessThan(0.02)
    // Draws that differ in one bit differ in half of the 18 bits of their places.
    const changed = Array.from({ length: 20_000 }, (_, draw) => ones((first[draw] ?? 0) ^ (first[draw ^ 1] ?? 0)))
    expect(Math.abs(changed.reduce((sum, bits) => sum + bits, 0) / changed.length - 9)).toBeLessThan(0.2)
  })

  it('is the same for every instance, and goes from list to list', () => {
    expect(indexOfDraw(keyOf(7), 12_345)).toEqual(indexOfDraw(keyOf(7), 12_345))
    expect([0, statusListSize - 1, statusListSize, 3 * statusListSize].map(n => indexOfDraw(keyOf(7), n).list)).toEqual(
      [1, 1, 2, 4],
    )
  })
})

const ones = (bits: number) => bits.toString(2).replaceAll('0', '').length

describe('a draw', () => {
  const drawn = async (tables: Table[], partner: string, count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, one) =>
        drawStatusIndex({ table: tables[one % tables.length] as Table, random: systemRandom }, partner),
      ),
    )

  it('never meets another one, whoever draws at the same time', async () => {
    const { table, tableName } = await freshTable()
    const second = openTable(
      dynamoDbClient({
        region: 'us-east-1',
        endpoint: inject('dynamodbEndpoint'),
        credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      }),
      tableName,
    )
    const indexes = await drawn([table, second], 'youku', 200)
    expect(new Set(indexes.map(({ list, index }) => `${list}/${index}`)).size).toBe(200)
    expect(await findFamily(table, 'youku')).toMatchObject({ drawn: 200 })
    // Another partner's lists have an order of their own.
    const others = await drawn([table], 'eleme', 3)
    expect(others).not.toEqual(indexes.slice(0, 3))
    expect((await findFamily(table, 'eleme'))?.orderKey).not.toBe((await findFamily(table, 'youku'))?.orderKey)
  })
})
