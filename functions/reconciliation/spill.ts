import { closeSync, openSync, readSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runFolder } from './run-folders.ts'

/** One piece of what a step gives. */
export type Part = [name: string, bytes: Uint8Array]

/** Where the steps of one run keep what they hand to the next. A step is written once; what it gave never changes. */
export type Spill = {
  /** Keeps all that a step gives. It counts once this is done. */
  write(step: string, parts: readonly Part[]): Promise<void>
  /** The names of what a step gave, undefined while it is not complete. */
  parts(step: string): Promise<ReadonlySet<string> | undefined>
  /** A piece that `parts` names. @throws when it is gone */
  read(step: string, part: string): Promise<Uint8Array>
  /** Gives up what is kept, unless it is kept for a run that resumes. */
  close(): Promise<void>
}

export type Steps = {
  /** Does a step, unless it is complete already. */
  once(step: string, work: () => Promise<Part[]>): Promise<void>
  isComplete(step: string): Promise<boolean>
  /** A piece of a complete step, undefined if it gave none of that name. */
  read(step: string, part: string): Promise<Uint8Array | undefined>
}

/** Steps by way of a spill: a run that crashed does only what is missing. */
export function stepsIn(spill: Spill): Steps {
  const known = new Map<string, ReadonlySet<string>>()
  async function partsOf(step: string): Promise<ReadonlySet<string> | undefined> {
    const parts = known.get(step) ?? (await spill.parts(step))
    if (parts) known.set(step, parts)
    return parts
  }
  return {
    async once(step, work) {
      if (!(await partsOf(step))) await spill.write(step, await work())
    },
    isComplete: async step => (await partsOf(step)) !== undefined,
    async read(step, part) {
      const parts = await partsOf(step)
      if (!parts) throw new Error(`step ${step} of a reconciliation run is not complete; begin the run again`)
      return parts.has(part) ? spill.read(step, part) : undefined
    },
  }
}

/** Where each piece lies in the file of its step. */
type Directory = Map<string, { at: number; bytes: number }>
const openFiles = 128

/**
 * A spill of plain files in a folder of its own, one for each step, for runs that are begun anew after a crash. `close`
 * removes the folder; that of a killed process is removed by the next one.
 */
export async function folderSpill(parent: string = tmpdir()): Promise<Spill> {
  const folder = await runFolder(parent)
  const directories = new Map<string, Directory>()
  const files = new Map<string, number>()
  const pathOf = (step: string) => join(folder, step)

  /** Files that were read last stay open. */
  function fileOf(step: string): number {
    const file = files.get(step) ?? openSync(pathOf(step), 'r')
    files.delete(step)
    files.set(step, file)
    const [oldest] = files
    if (files.size > openFiles && oldest) {
      files.delete(oldest[0])
      closeSync(oldest[1])
    }
    return file
  }

  return {
    async write(step, parts) {
      const directory: Directory = new Map()
      const unnamed = `${pathOf(step)}.part`
      await using file = await open(unnamed, 'w')
      let at = 0
      for (const [name, { byteLength }] of parts) {
        directory.set(name, { at, bytes: byteLength })
        at += byteLength
      }
      await file.writev(parts.map(([, bytes]) => bytes).concat(Buffer.alloc(0)))
      if ((await file.stat()).size !== at) throw new Error(`step ${step} was not written whole: is the disk full?`)
      // Whoever finds the name finds the whole.
      await rename(unnamed, pathOf(step))
      directories.set(step, directory)
    },
    async parts(step) {
      const directory = directories.get(step)
      return directory && new Set(directory.keys())
    },
    async read(step, part) {
      const place = directories.get(step)?.get(part)
      if (!place) throw new Error(`step ${step} gave no piece ${part}`)
      const bytes = Buffer.allocUnsafeSlow(place.bytes)
      // What was just written is in the page cache: to wait for a thread would take longer than to read it.
      const bytesRead = readSync(fileOf(step), bytes, 0, place.bytes, place.at)
      if (bytesRead !== place.bytes) throw new Error(`piece ${part} of step ${step} is cut off`)
      return bytes
    },
    async close() {
      for (const file of files.values()) closeSync(file)
      files.clear()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
