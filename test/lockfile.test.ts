import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

type Package = { version?: string; resolved?: string; optionalDependencies?: Record<string, string> }
const text = readFileSync(join(import.meta.dirname, '../package-lock.json'), 'utf8')
const { packages } = JSON.parse(text) as { packages: Record<string, Package> }

/** Whether a package finds another one as Node would: beside itself, or in a folder further up. */
function isLocked(name: string, from: string): boolean {
  if (packages[`${from ? `${from}/` : ''}node_modules/${name}`]) return true
  return from !== '' && isLocked(name, from.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, ''))
}

/**
 * A registry that lacks some platforms' packages makes npm leave them out of the lock file, and then `npm ci` fails for
 * everybody. They are put back by hand; this says so when an install has dropped them again.
 */
describe('package-lock.json', () => {
  it('has an entry for every platform package, also of platforms that are not this one', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(name => !isLocked(name, path)),
    )
    expect(missing).toEqual([])
  })

  it('names no registry', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([])
  })

  it('pins exact versions of what package.json asks for', () => {
    const own = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >
    const asked = { ...own['dependencies'], ...own['devDependencies'], ...own['optionalDependencies'] }
    for (const [name, version] of Object.entries(asked))
      expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version])
  })
})
