import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

const named = /^tessera-run-(\d+)-/
const swept = new Set<string>()

/**
 * A folder for one run, named after the process that works in it. A process that is killed leaves its folders behind:
 * the next one removes them before its first.
 */
export async function runFolder(parent: string): Promise<string> {
  if (!swept.has(parent)) {
    swept.add(parent)
    await removeAbandoned(parent)
  }
  return mkdtemp(join(parent, `tessera-run-${process.pid}-`))
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const pid = Number(named.exec(name)?.[1] ?? Number.NaN)
    if (Number.isNaN(pid)) continue
    const folder = join(parent, name)
    const isAbandoned = pid === process.pid ? await isOfFormer(folder) : !isAlive(pid)
    // What another account left is for that one to remove.
    if (isAbandoned) await rm(folder, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** A process that is started again in the same place, as Lambda does after a crash, may get the same number. */
async function isOfFormer(folder: string): Promise<boolean> {
  const made = await stat(folder).catch(() => undefined)
  return made !== undefined && made.birthtimeMs < performance.timeOrigin
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Another account's process lives, too, though it may not be asked.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
