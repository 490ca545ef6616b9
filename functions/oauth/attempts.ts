import type { Instant } from '../../schemas/primitives.ts'
import { hashOf, sha256 } from '../kernel/canonical.ts'
import { epochMilliseconds, epochSeconds, isBefore, type Now, plusSeconds } from '../kernel/clock.ts'
import { Conflict, Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { type AttemptRecord, findAttempts, saveAttempts } from './attempts-store.ts'

/** A user code is guessed about once in 10^10 tries (RFC 8628 section 5.1); a slip of the finger needs few. */
export const attemptLimit = { wrong: 5, seconds: 600 } as const

type Needs = { table: Table; wallNow: Now }
export type DeviceAnswer = 'agreed' | 'declined'
/** @param code as `readUserCode` gives it */
type Tried = { person: string; code: string; answer?: DeviceAnswer }

/** `wrong` goes on counting; `looked` was right, and nothing was answered; `given` was right and the device was told. */
type Outcome = 'wrong' | 'looked' | 'given'

export type Attempt = {
  end(outcome: Outcome): Promise<void>
  /** Whether this answer to this code was given by another request: the form was sent twice, at once or again. */
  wasGiven(): Promise<boolean>
}

/** Who is behind a session, member or not, as a hash. */
export const personOf = ({ issuer, subject }: { issuer: string; subject: string }): string => hashOf([issuer, subject])

/**
 * Counts an attempt before anything is looked up, so that a thousand guesses at once get no further than five in a row.
 * @throws Refusal too-many-attempts with `retry-after` in seconds, whatever the code is
 */
export async function beginAttempt(needs: Needs, tried: Tried): Promise<Attempt> {
  const at = needs.wallNow()
  const own: Own = { ...tried, code: sha256(tried.code), at }
  await changed(needs, own, record => counting(record, own)).catch(error => {
    // A person at a form has no rivals.
    throw error instanceof Conflict ? tooMany(1) : error
  })
  return {
    async end(outcome) {
      if (outcome !== 'wrong' || own.answer) await changed(needs, own, record => ended(record, own, outcome))
    },
    wasGiven: () => wasGiven(needs, own),
  }
}

type Own = Tried & { at: Instant }
type Tries = Omit<AttemptRecord, 'version'>

function counting(record: Tries, own: Own): Tries {
  const { at, code, answer: outcome } = own
  const same = sameAnswer(record, own)
  // The code was counted when the answer came first.
  if (same) return { ...record, answer: { ...same, senders: same.senders + 1 } }
  const counted = record.counted.filter(earlier => isBefore(at, plusSeconds(earlier, attemptLimit.seconds)))
  const [oldest] = counted
  if (oldest && counted.length >= attemptLimit.wrong) {
    const free = epochMilliseconds(plusSeconds(oldest, attemptLimit.seconds))
    throw tooMany(Math.ceil((free - epochMilliseconds(at)) / 1000))
  }
  const answer = outcome && { code, outcome, at, senders: 1, isGiven: false }
  return { ...record, counted: [...counted, at], ...(answer && { answer }) }
}

function ended({ counted, answer }: Tries, own: Own, outcome: Outcome): Tries {
  const after = { counted: outcome === 'wrong' ? counted : without(counted, own.at) }
  const same = sameAnswer({ answer }, own)
  if (same && outcome === 'given') return { ...after, answer: { ...same, isGiven: true } }
  // An answer that was not given is forgotten, so that its repetition is none.
  return !answer || (same && !same.isGiven) ? after : { ...after, answer }
}

/** Where two requests brought the same answer at once, one of them gives it and the other waits to hear of it. */
async function wasGiven({ table }: Needs, own: Own): Promise<boolean> {
  for (let looks = 10; looks > 0; looks--) {
    const record = await findAttempts(table, { what: 'device', person: own.person })
    const same = record && sameAnswer(record, own)
    if (!same || same.isGiven || same.senders === 1) return same?.isGiven ?? false
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return false
}

const sameAnswer = ({ answer }: Pick<Tries, 'answer'>, own: Own): Tries['answer'] =>
  answer?.code === own.code &&
  answer.outcome === own.answer &&
  isBefore(own.at, plusSeconds(answer.at, attemptLimit.seconds))
    ? answer
    : undefined

const tooMany = (seconds: number) =>
  new Refusal('too-many-attempts', `try again in ${seconds} s`, { headers: { 'retry-after': String(seconds) } })

function without(instants: Instant[], one: Instant): Instant[] {
  const index = instants.indexOf(one)
  return instants.filter((_, at) => at !== index)
}

const changed = (
  { table, wallNow }: Needs,
  { person }: { person: string },
  change: (record: Tries) => Tries,
): Promise<void> =>
  againOnConflict(async () => {
    const whose = { what: 'device', person } as const
    const { version, ...read } = (await findAttempts(table, whose)) ?? { counted: [], version: 0 }
    // TTL deletes up to days later; what is out of date counts no longer anyway.
    const expiresAt = epochSeconds(wallNow()) + 2 * attemptLimit.seconds
    await saveAttempts(table, whose, { ...change(read), version: version + 1 }, expiresAt)
  })
