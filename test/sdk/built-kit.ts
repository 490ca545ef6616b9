import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
export const root = fileURLToPath(new URL('../..', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')
/** What the published package is made of, beside what is built. */
const published = ['package.json', 'README.md', 'LICENSE']

export interface BuiltKit extends AsyncDisposable {
  /** The package as it would be packed. */
  readonly kit: string
  /** A partner's project into which the packed package has been installed. */
  readonly project: string
  /** Path of the packed package. */
  tarball(): Promise<string>
}

/** Builds and packs the kit into a folder of its own, and installs the tarball as a partner would have it. */
export async function builtKit(): Promise<BuiltKit> {
  await mkdir(join(root, 'test-results'), { recursive: true })
  const folder = await mkdtemp(join(root, 'test-results/partner-kit-'))
  const [kit, project] = [join(folder, 'kit'), join(folder, 'project')]
  const installed = join(project, 'node_modules/@tessera/partner-kit')
  await mkdir(kit)
  await mkdir(installed, { recursive: true })
  for (const name of published) await copyFile(join(root, 'sdk', name), join(kit, name))
  await compile(join(root, 'sdk'), '--outDir', join(kit, 'dist'))
  await npm(kit, 'pack', '--pack-destination', folder)
  const tarball = async () => join(folder, (await readdir(folder)).find(name => name.endsWith('.tgz')) ?? '')
  await run('tar', ['-xzf', await tarball(), '-C', installed, '--strip-components=1'])
  return { kit, project, tarball, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

/** Runs the compiler on a project; fails with what it says. */
export async function compile(project: string, ...more: string[]): Promise<void> {
  await run(process.execPath, [tsc, '-p', project, ...more]).catch(error => {
    throw new Error(`${error.stdout}${error.stderr}`)
  })
}

/** npm without network: packing needs none. */
export async function npm(folder: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, npm_config_offline: 'true', npm_config_update_notifier: 'false' }
  const { stdout } = await run('npm', args, { cwd: folder, env })
  return stdout
}
