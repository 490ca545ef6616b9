import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { remove, type Table } from '../../functions/kernel/table.ts'
import type { StreamRecord } from '../../functions/local/stream.ts'
import type { StatusIndex } from '../../schemas/status-list.ts'
import { type StatusWorld, statusWorld } from './status-world.ts'

/** A link that was suspended, resumed, chosen for twice, suspended: two indexes, of which the second stands at 2. */
async function lived(world: StatusWorld, subject: string) {
  const { id: membership, member } = await world.sold(subject)
  const { id: link, status: first } = await world.link(member.id, `account-of-${subject}`)
  await world.choose(member.id, 'youku-vip')
  await world.act(membership, 'suspend')
  await world.act(membership, 'resume')
  world.pass(2 * 86_400)
  await world.choose(member.id, 'youku-kids')
  await world.act(membership, 'suspend')
  const { status: second } = await world.record(link)
  return { membership, member: member.id, link, first, second }
}
const bitsOf = async (world: StatusWorld, indexes: (StatusIndex | undefined)[]) => {
  const bits: (number | undefined)[] = []
  for (const index of indexes) bits.push(await world.bit(index))
  return bits
}
/** An order that fast-check draws; the same seed gives the same one. */
const shuffled = <T>(items: T[], seed: number): T[] =>
  fc.sample(fc.shuffledSubarray(items, { minLength: items.length }), { seed, numRuns: 1 })[0] ?? []

describe('records of the stream', () => {
  it.each([1, 2, 3, 4])('may come twice, late and in any order (%i)', async seed => {
    const world = await statusWorld()
    const { first, second, membership } = await lived(world, 'lin')
    const records = await world.changes()
    expect(records.length).toBeGreaterThanOrEqual(6)
    // Each alone, in any order and twice; from the first one on that names an index, it stands as it must.
    for (const record of shuffled([...records, ...records], seed)) await world.feed([record])
    expect(await bitsOf(world, [first, second])).toEqual([1, 2])
    await world.act(membership, 'resume')
    // What is new comes before what is old.
    const late = shuffled([...(await world.changes()), ...records], seed + 10)
    await world.feed(late.slice(0, 3))
    await world.feed(late.slice(3))
    expect(await bitsOf(world, [first, second])).toEqual([1, 0])
    await world.feed(records)
    expect(await bitsOf(world, [first, second])).toEqual([1, 0])
  })

  it('that are old never bring back what is over', async () => {
    const world = await statusWorld()
    const { first, second, member } = await lived(world, 'lin')
    const old = await world.changes()
    await world.unlink(member)
    await world.follow()
    expect(await world.bit(second)).toBe(1)
    for (const record of old) {
      await world.feed([record])
      expect(await world.bit(second)).toBe(1)
    }
    expect(await world.bit(first)).toBe(1)
  })

  it('of a link whose item is gone end every index it had', async () => {
    const world = await statusWorld()
    const { link, first, second } = await lived(world, 'lin')
    await world.services.table.write(remove({ pk: `LINK#${link}`, sk: 'HEAD' }))
    const records = await world.changes()
    expect(records.at(-1)?.eventName).toBe('REMOVE')
    await world.feed(records.slice(-1))
    expect(await world.bit(second)).toBe(1)
    await world.feed(records)
    expect(await bitsOf(world, [first, second])).toEqual([1, 1])
  })

  it('that are of other items, or broken off, ask for nothing', async () => {
    const world = await statusWorld()
    const reads: string[] = []
    const table: Table = {
      ...world.services.table,
      getMany: async (type, keys) => {
        reads.push(...keys.map(({ pk }) => pk))
        return world.services.table.getMany(type, keys)
      },
    }
    const other = { NewImage: { itemKind: { S: 'membership' }, id: { S: 'x' }, partner: { S: 'youku' } } }
    for (const dynamodb of [other, {}, { NewImage: { itemKind: { S: 'link' } } }, undefined])
      await world.feed([{ eventName: 'MODIFY', dynamodb } as unknown as StreamRecord], { ...world.services, table })
    expect(reads).toEqual([])
  })
})

describe('a consumer', () => {
  it('that dies at any write, before or after it is made, loses nothing', async () => {
    for (const isMade of [false, true]) {
      const world = await statusWorld()
      const one = await lived(world, 'lin')
      const two = await lived(world, 'wang')
      const { id: third } = await world.link(one.member, 'account-at-eleme', 'eleme')
      const records = await world.changes()
      const elsewhere = (await world.record(third)).status
      let died = 0
      for (let allowed = 0; ; allowed++) {
        let left = allowed
        const commit: Table['commit'] = async writes => {
          if (left === 0 && !isMade) throw new Error('the process died')
          await world.services.table.commit(writes)
          if (left-- === 0) throw new Error('the process died')
        }
        const table: Table = { ...world.services.table, commit }
        try {
          await world.feed(records, { ...world.services, table })
          break
        } catch (error) {
          expect(String(error)).toContain('died')
          died += 1
        }
      }
      expect(died).toBeGreaterThanOrEqual(1)
      expect(await bitsOf(world, [one.first, one.second, two.first, two.second])).toEqual([1, 2, 1, 2])
      expect(await world.bit(elsewhere, 'eleme')).toBe(2)
    }
  })

  it('that is slow leaves nothing older standing than a quick one wrote', async () => {
    const world = await statusWorld()
    const { id: membership, member } = await world.sold('lin')
    const { status } = await world.link(member.id, 'account-of-lin')
    await world.act(membership, 'suspend')
    const suspended = await world.changes()
    let isFirst = true
    const commit: Table['commit'] = async writes => {
      if (isFirst) {
        isFirst = false
        // It has decided on 2. Before it writes, the link is resumed, and another consumer is done with that.
        await world.act(membership, 'resume')
        await world.follow()
        expect(await world.bit(status)).toBe(0)
      }
      await world.services.table.commit(writes)
    }
    await world.feed(suspended, { ...world.services, table: { ...world.services.table, commit } })
    expect(isFirst).toBe(false)
    expect(await world.bit(status)).toBe(0)
  })

  it('that is slow retires the index that was drawn and given up meanwhile, too', async () => {
    const world = await statusWorld()
    const { first, second, member, membership } = await lived(world, 'lin')
    const records = await world.changes()
    let third: StatusIndex | undefined
    const commit: Table['commit'] = async writes => {
      if (!third) {
        await world.act(membership, 'resume')
        world.pass(2 * 86_400)
        await world.choose(member, 'youku-vip')
        third = { list: 1, index: -1 }
      }
      await world.services.table.commit(writes)
    }
    await world.feed(records, { ...world.services, table: { ...world.services.table, commit } })
    // Not one of the later records has been read yet.
    expect(await bitsOf(world, [first, second])).toEqual([1, 1])
  })

  it('may be one of several at once', async () => {
    const world = await statusWorld()
    const lives = [await lived(world, 'lin'), await lived(world, 'wang'), await lived(world, 'zhao')]
    const records = await world.changes()
    await Promise.all([1, 2, 3, 4].map(seed => world.feed(shuffled(records, seed))))
    const bits = await bitsOf(
      world,
      lives.flatMap(({ first, second }) => [first, second]),
    )
    expect(bits).toEqual([1, 2, 1, 2, 1, 2])
  })

  it('gives up on links that never come to rest, so that the batch comes again', async () => {
    const world = await statusWorld()
    const { membership } = await lived(world, 'lin')
    const records = await world.changes()
    let suspended = true
    const commit: Table['commit'] = async writes => {
      await world.act(membership, suspended ? 'resume' : 'suspend')
      suspended = !suspended
      await world.services.table.commit(writes)
    }
    await expect(
      world.feed(records, { ...world.services, table: { ...world.services.table, commit } }),
    ).rejects.toThrow('faster')
  })
})
