import { readFileSync } from 'node:fs'
import type { Counts } from '../reconcile-count.ts'
import { processorMicroseconds } from './answering.ts'

export type Reconciled = { counts: Counts; seconds: number; cpuSeconds: number; peakMegabytes: number }

/** What a count takes in this process, which does nothing else before it: its peak is the peak of its whole life. */
export async function measured(count: () => Promise<Counts>): Promise<Reconciled> {
  const [started, cpu] = [performance.now(), processorMicroseconds()]
  const counts = await count()
  return {
    counts,
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
