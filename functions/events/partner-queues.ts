import type { OutgoingEvent } from '../../schemas/event.ts'

/** Events on their way to one partner at the same time. */
const atOnce = 5
/** Events of one partner that wait for their turn. */
const mostWaiting = 200

type Rules<Address> = {
  /** What is known of a partner, found once. Undefined: nothing can be sent now. Neither of the two may throw. */
  addressOf: (partner: string) => Promise<Address | undefined>
  send: (event: OutgoingEvent, address: Address) => Promise<void>
  /** Of `performance.now()`: what is not begun by then is left as it is. */
  until: number
}
type Queue<Address> = { address: Promise<Address | undefined>; waiting: OutgoingEvent[]; lanes: number }
export type PartnerQueues = ReturnType<typeof partnerQueues>

/** A few lanes for each partner, so that a slow one takes its own time and nobody else's. */
export function partnerQueues<Address>({ addressOf, send, until }: Rules<Address>) {
  const queues = new Map<string, Queue<Address>>()
  const running: Promise<void>[] = []

  function queueOf(partner: string): Queue<Address> {
    const known = queues.get(partner)
    if (known) return known
    const fresh = { address: addressOf(partner), waiting: [], lanes: 0 }
    queues.set(partner, fresh)
    return fresh
  }

  async function openLane(queue: Queue<Address>): Promise<void> {
    queue.lanes += 1
    const address = await queue.address
    const next = () => (performance.now() < until ? queue.waiting.shift() : undefined)
    if (address !== undefined) for (let event = next(); event; event = next()) await send(event, address)
    queue.lanes -= 1
  }

  return {
    /** Whether the event has its place; a partner that has enough to do already gets no more. */
    add(event: OutgoingEvent): boolean {
      const queue = queueOf(event.partner)
      if (queue.waiting.length >= mostWaiting) return false
      queue.waiting.push(event)
      if (queue.lanes < atOnce) running.push(openLane(queue))
      return true
    },
    /** When all that was added is sent, or time is up. */
    async done(): Promise<void> {
      await Promise.all(running)
    },
  }
}
