import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { type BrowserServer, chromium } from 'playwright-core'
import type { TestProject } from 'vitest/node'
import { type Cast, castOf, type Theatre } from './cast.ts'
import { resultsFolder, weightsFile, weightsReport } from './results.ts'
import { sandboxOnFreePorts } from './sandbox.ts'
import { unpackedBrowser } from './unpack.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the browser listens, and which process it is. */
    browser: { address: string; process: number }
    theatre: Theatre
  }
}

/** One sandbox, as `npm start` composes it, and one browser for all journeys. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stops: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    await rm(resultsFolder, { recursive: true, force: true })
    await mkdir(resultsFolder, { recursive: true })
    const browser = await launch()
    stops.push(() => browser.close())
    const sandbox = await sandboxOnFreePorts()
    stops.push(() => sandbox.stop())
    const cast: Cast = await castOf(sandbox)
    stops.push(() => cast.stop())
    stops.push(reportWeights)
    project.provide('browser', { address: browser.wsEndpoint(), process: browser.process().pid ?? 0 })
    project.provide('theatre', cast.theatre)
    return stop
  } catch (error) {
    await stop()
    throw error
  }
}

async function launch(): Promise<BrowserServer> {
  const { executable, libraries, fontConfiguration } = await unpackedBrowser()
  const env = { ...process.env, LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: fontConfiguration }
  return chromium.launchServer({ executablePath: executable, args: ['--no-sandbox'], env }).catch(error => {
    const advice =
      'The browser for test/browser does not start here. It comes with @sparticuz/chromium and needs Linux on x64 ' +
      `with glibc 2.34 or newer and libgcc_s.so.1; see what is missing with LD_LIBRARY_PATH=${libraries} ldd ${executable}`
    throw new Error(advice, { cause: error })
  })
}

async function reportWeights(): Promise<void> {
  if (!existsSync(weightsFile)) return
  const report = weightsReport(await readFile(weightsFile, 'utf8'))
  await rm(weightsFile)
  await writeFile(`${resultsFolder}/weights.json`, `${JSON.stringify(report, null, 2)}\n`)
}
