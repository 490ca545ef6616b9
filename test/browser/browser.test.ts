import { readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, inject, it } from 'vitest'
import { journey, oneWay } from './journey.ts'

const packages = realpathSync(join(import.meta.dirname, '../../node_modules'))
/** Of glibc and of GCC's runtime: no Linux on which Node runs is without them. */
const everywhere = /^(ld-linux-x86-64|lib(c|m|dl|pthread|rt|resolv|util|gcc_s|nss_(files|dns|compat))([-.].*)?)\.so/

describe('the browser itself', () => {
  it('takes nothing from the machine but what every machine has', () => {
    const maps = readFileSync(`/proc/${inject('browser').process}/maps`, 'utf8')
    const libraries = new Set(maps.match(/\/\S+\.so(\.\S+)?$/gm))
    const foreign = [...libraries].filter(file => !file.startsWith(packages))
    expect([...libraries].some(file => file.startsWith(packages) && file.includes('libnss3'))).toBe(true)
    expect(foreign.filter(file => !everywhere.test(file.split('/').at(-1) ?? ''))).toEqual([])
  })

  journey('has the glyphs of both languages', oneWay, async ({ step, visitor }) => {
    const someone = await visitor()
    await step('draws Chinese with a Chinese font', async () => {
      await someone.open('/?lang=zh-CN')
      expect(await someone.fontsOf('h1')).toEqual([expect.stringMatching(/^Noto Sans SC/)])
      await someone.open('/?lang=en')
      expect(await someone.fontsOf('h1')).toEqual(['Open Sans'])
    })
  })
})
