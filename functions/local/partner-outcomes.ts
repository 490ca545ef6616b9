/** What came of linking or withdrawing, as the page after it tells. */
export type Outcome =
  | { readonly kind: 'connected'; readonly link: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'nothing-linked' }
  | { readonly kind: 'refused'; readonly code: string }

const KEPT = 200

export type OutcomeBook = ReturnType<typeof outcomeBook>

/** Outcomes by account and key, so that a page tells the same however often it is loaded. In memory, the latest 200. */
export function outcomeBook() {
  const kept = new Map<string, Promise<Outcome>>()
  const keyOf = (account: string, key: string) => JSON.stringify([account, key])
  const find = (account: string, key: string): Promise<Outcome> | undefined => kept.get(keyOf(account, key))

  return {
    find,
    /** What comes of `work`, which is done once for a key. */
    once(account: string, key: string, work: () => Promise<Outcome>): Promise<Outcome> {
      const known = find(account, key)
      if (known !== undefined) return known
      const outcome = work()
      kept.set(keyOf(account, key), outcome)
      const [oldest] = kept.keys()
      if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest)
      return outcome
    },
  }
}
