import { KeyPurpose, type KeyRotationAnswer, type KeyRotationRequest } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { loadKeys, newKey } from './key-creation.ts'
import { compromisedOf, decideRotation, decideWithdrawal, isDue, type Rotation } from './key-decisions.ts'
import { type Clocks, currentOf, nowOf, viewsOf } from './key-lifecycle.ts'
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
 * way, asking again changes nothing. In an emergency keys are withdrawn, and where the current one is among them the next
 * one takes over at once.
 * @throws Refusal key-not-found when the purpose has no key of the `kid`
 */
export async function rotateKey(needs: Needs, request: Request): Promise<KeyRotationAnswer> {
  const { purpose } = request
  await (request.emergency ? withdraw(needs, request) : rotate(needs, request)).finally(needs.keys.forget)
  const { [purpose]: keys } = await needs.keys.held()
  return { purpose, keys: viewsOf(keys, nowOf(needs, purpose)) }
}

async function rotate(needs: Needs, request: Request): Promise<void> {
  const { purpose, reason } = request
  let replaces: string | undefined
  await againOnConflict(async () => {
    const { [purpose]: keys } = await loadKeys(needs)
    const now = nowOf(needs, purpose)
    // Again after a rival got in between, it is still about the key that was current when this was asked for.
    replaces ??= currentOf(keys, now)?.kid
    await commit(needs, request, decideRotation(keys, { now, replaces, reason }), now)
  })
}

async function withdraw(needs: Needs, request: Request): Promise<void> {
  const { purpose, kid, reason } = request
  let kids: string[] | undefined
  let isDone = false
  while (!isDone)
    await againOnConflict(async () => {
      const { [purpose]: keys } = await loadKeys(needs)
      const now = nowOf(needs, purpose)
      if (kid !== undefined && !keys.some(key => key.kid === kid)) throw new Refusal('key-not-found')
      // Whatever rivals make of these keys meanwhile, it is about them that this was asked for, and no others.
      kids ??= kid === undefined ? compromisedOf(keys, now) : [kid]
      const withdrawal = decideWithdrawal(keys, kids, { now, reason })
      await commit(needs, request, withdrawal, now)
      isDone = withdrawal === undefined
    })
}

async function commit(
  needs: Needs,
  { purpose, by }: Request,
  rotation: Rotation | undefined,
  now: Instant,
): Promise<void> {
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
    const rotation = decideRotation(keys, { now, replaces: currentOf(keys, now)?.kid })
    await commit(needs, { purpose, by: 'schedule' }, rotation, now)
  }).finally(needs.keys.forget)
}
