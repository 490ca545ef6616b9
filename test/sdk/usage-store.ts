import type { ReceiptChain, UsageStore } from '../../sdk/index.ts'

/** A store as a database would be: it outlives reporters. */
export function memoryStore() {
  const batches = new Map<string, Uint8Array>()
  let end: ReceiptChain | undefined
  const store: UsageStore = {
    load: async () => ({ batches: [...batches.values()], chain: end }),
    put: async (digest, bytes) => void batches.set(digest, Uint8Array.from(bytes)),
    async settle(digest, chain) {
      batches.delete(digest)
      end = chain
    },
  }
  return { store, batches, end: () => end }
}
