/**
 * What Lambda is to a bundle: a process of its own, with the environment of its function and nothing else, that calls
 * `handler` with one event after another. Started with `fork`; the bundle's address is the argument.
 */
type Handler = (event: unknown, context: unknown) => Promise<unknown>

const contextOf = (id: number) => ({ awsRequestId: `request-${id}`, getRemainingTimeInMillis: () => 900_000 })
const send = (message: object) => process.send?.(message)

try {
  const { handler } = (await import(process.argv[2] ?? '')) as { handler: Handler }
  process.on('message', async ({ id, event }: { id: number; event: unknown }) => {
    try {
      send({ id, result: (await handler(event, contextOf(id))) ?? null })
    } catch (error) {
      send({ id, error: String(error) })
    }
  })
  send({ ready: true })
} catch (error) {
  send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  process.disconnect()
}
