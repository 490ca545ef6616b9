import { readFileSync } from 'node:fs'
import { processorMicroseconds } from './answering.ts'

export type Figures<Found> = { found: Found; seconds: number; cpuSeconds: number; peakMegabytes: number }

/** What a computation takes in this process, which does nothing else before it: its peak is the peak of its whole life. */
export async function measured<Found>(compute: () => Promise<Found>): Promise<Figures<Found>> {
  const [started, cpu] = [performance.now(), processorMicroseconds()]
  const found = await compute()
  return {
    found,
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (processorMicroseconds() - cpu) / 1e6,
    peakMegabytes: peakBytes() / 1e6,
  }
}

/**
 * The kernel's own mark of this program's memory. `resourceUsage().maxRSS` would be that of the process, which on Linux
 * begins with what its parent held when it started this one.
 */
function peakBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  if (kilobytes === undefined) throw new Error('/proc/self/status names no VmHWM')
  return Number(kilobytes) * 1024
}
