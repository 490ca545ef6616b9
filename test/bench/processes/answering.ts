export type Question = { id: number; command: string; argument: unknown }
export type Answer = { id: number; result?: unknown; error?: string }
type Commands = Record<string, (argument: never) => unknown>

/** Answers what the bench asks over IPC, and ends with it. `cpu` tells the processor time used so far, in microseconds. */
export function answering(commands: Commands): void {
  const all: Commands = { ready: () => true, cpu: processorMicroseconds, ...commands }
  process.on('disconnect', () => process.exit())
  process.on('message', ({ id, command, argument }: Question) => {
    const reply = (answer: Omit<Answer, 'id'>) => process.send?.({ id, ...answer })
    const run = async () => {
      const found = all[command]
      if (!found) throw new Error(`no command ${command}`)
      return found(argument as never)
    }
    run().then(
      result => reply({ result }),
      (error: unknown) => reply({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    )
  })
}

/** User and system time of all threads of this process. */
export function processorMicroseconds(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
