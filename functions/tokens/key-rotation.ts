import { KeyPurpose, type KeyRotationAnswer, type KeyRotationRequest } from '../../schemas/key.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { type Clocks, loadKeys, newKey, nowOf } from './key-creation.ts'
import { currentOf, decideRotation, isDue, viewsOf } from './key-lifecycle.ts'
import { commitRotation } from './key-store.ts'
import type { KeyRing } from './keys.ts'
import type { Vault } from './vault.ts'

type Needs = Clocks & { table: Table; vault: Vault; keys: Pick<KeyRing, 'held' | 'forget'>; log: Log }
type Request = KeyRotationRequest & {
  /** Who asked: a client's id, or the schedule. */
  by: string
  purpose: KeyPurpose
}

/**
 * Lets the next key of a purpose take over, once every verifier has it, and makes the one after it. While that is under
 * way, asking again changes nothing. In an emergency the current key is withdrawn and the next one takes over at once.
 */
export async function rotateKey(needs: Needs, request: Request): Promise<KeyRotationAnswer> {
  const { purpose } = request
  let replaced: string | undefined
  await againOnConflict(async () => {
    const { [purpose]: keys } = await loadKeys(needs)
    // Again after a rival got in between, it is still about the key that was current when this was asked for.
    replaced ??= currentOf(keys, nowOf(needs, purpose))?.kid
    await rotateOnce(needs, { ...request, replaces: replaced }, keys)
  }).finally(needs.keys.forget)
  const { [purpose]: keys } = await needs.keys.held()
  return { purpose, keys: viewsOf(keys, nowOf(needs, purpose)) }
}

type Keys = Parameters<typeof decideRotation>[0]

async function rotateOnce(
  needs: Needs,
  { purpose, by, replaces, emergency = false, reason }: Request & { replaces: string | undefined },
  keys: Keys,
): Promise<void> {
  const now = nowOf(needs, purpose)
  const rotation = decideRotation(keys, { now, replaces, emergency, reason })
  if (!rotation) return
  const { nextSequence: sequence } = rotation
  const created = sequence === undefined ? [] : [await newKey(needs, { purpose, sequence, publishedAt: now })]
  await commitRotation(needs.table, rotation, created)
  for (const { after } of rotation.changes) {
    const { kid, activeFrom, withdrawnAt } = after
    const fields = { purpose, kid, activeFrom, withdrawnAt, by }
    if (withdrawnAt) needs.log('warn', 'key-withdrawn', fields)
    else needs.log('info', 'key-rotated', fields)
  }
}

/**
 * Rotates every purpose whose current key has reached its age. Running it twice, or two at once, rotates once.
 * @throws AggregateError of the purposes that failed, once all others are rotated
 */
export async function rotateDueKeys(needs: Needs): Promise<void> {
  const held = await needs.keys.held()
  const due = KeyPurpose.options.filter(purpose => isDue(purpose, held[purpose], nowOf(needs, purpose)))
  const failures: unknown[] = []
  for (const purpose of due)
    await rotateDueKey(needs, purpose).catch(error => {
      needs.log('error', 'key-rotation-failed', { purpose, ...errorFields(error) })
      failures.push(error)
    })
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} purposes were not rotated`)
}

async function rotateDueKey(needs: Needs, purpose: KeyPurpose): Promise<void> {
  await againOnConflict(async () => {
    const { [purpose]: keys } = await loadKeys(needs)
    const now = nowOf(needs, purpose)
    // Another instance may have been quicker than what this one still holds.
    if (!isDue(purpose, keys, now)) return
    await rotateOnce(needs, { purpose, by: 'schedule', replaces: currentOf(keys, now)?.kid }, keys)
  }).finally(needs.keys.forget)
}
