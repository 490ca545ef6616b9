import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider'

const MAX_ENTRIES_PER_MODEL = 10_000

interface Entry {
  readonly json: string
  readonly expiresAtMs: number
}

/**
 * In-memory storage of one provider. Each model is bounded on its own, so a flood of abandoned
 * sign-ins drops old sign-ins and never a session. An expired entry is absent, whether or not it was swept.
 */
export function memoryAdapter(nowMs: () => number = Date.now, maxEntries = MAX_ENTRIES_PER_MODEL): AdapterFactory {
  return () => {
    const entries = new Map<string, Entry>()

    const read = (id: string): AdapterPayload | undefined => {
      const entry = entries.get(id)
      if (!entry) return undefined
      if (entry.expiresAtMs > nowMs()) return JSON.parse(entry.json)
      entries.delete(id)
      return undefined
    }

    const findWhere = (matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined => {
      for (const id of entries.keys()) {
        const payload = read(id)
        if (payload && matches(payload)) return payload
      }
      return undefined
    }

    const adapter: Adapter = {
      async upsert(id, payload, expiresIn) {
        entries.delete(id)
        entries.set(id, {
          json: JSON.stringify(payload),
          expiresAtMs: expiresIn === undefined ? Number.POSITIVE_INFINITY : nowMs() + expiresIn * 1000,
        })
        // A Map keeps the order of insertion, so its first key is the entry written longest ago.
        const [oldest] = entries.keys()
        if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest)
      },
      find: async id => read(id),
      findByUid: async uid => findWhere(payload => payload.uid === uid),
      findByUserCode: async userCode => findWhere(payload => payload.userCode === userCode),
      async consume(id) {
        const entry = entries.get(id)
        const payload = read(id)
        if (!entry || !payload) return
        payload.consumed = Math.floor(nowMs() / 1000)
        entries.set(id, { ...entry, json: JSON.stringify(payload) })
      },
      async destroy(id) {
        entries.delete(id)
      },
      async revokeByGrantId(grantId) {
        for (const id of [...entries.keys()]) if (read(id)?.grantId === grantId) entries.delete(id)
      },
    }
    return adapter
  }
}
