import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { command, events, line, start } from './send-process.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-send-command-'))
})
afterAll(() => rm(folder, { recursive: true }))

const known = { TESSERA_ISSUER: 'http://localhost:9', TESSERA_CLIENT: 'youku', TESSERA_CLIENT_SECRET: 'hush' }
async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

describe('a command that cannot be ends with 2, says what to do, and leaves nothing behind', () => {
  test.each([
    ['an unknown option', ['send', 'x', '--fast'], known, "Unknown option '--fast'"],
    ['an unknown command', ['sned', 'x'], known, 'There is no command "sned"'],
    ['no file', ['send'], known, 'Which FILE?'],
    ['two files', ['send', 'a', 'b'], known, 'a, b are several'],
    [
      'a number that is none',
      ['send', 'x', '--max-events', '1e3'],
      known,
      '--max-events must be a whole number from 1',
    ],
    ['a number out of bounds', ['send', 'x', '--max-bytes', '6000000'], known, 'to 5000000'],
    ['a secret on the command line', ['send', 'x', '--client-secret=hush'], {}, 'TESSERA_CLIENT_SECRET'],
    ['no issuer', ['send', 'x'], {}, 'TESSERA_ISSUER'],
    ['an issuer without TLS', ['send', 'x', '--issuer', 'http://tessera.example'], known, 'https URL'],
    ['no client', ['send', 'x', '--issuer', 'http://localhost:9'], {}, 'TESSERA_CLIENT'],
    ['no secret', ['send', 'x'], { ...known, TESSERA_CLIENT_SECRET: '' }, '--secret-file'],
    ['no file there', ['send', '/does/not/exist.ndjson'], known, 'does not exist'],
    ['a folder', ['send', tmpdir()], known, 'is a directory'],
    ['a device', ['send', '/dev/null'], known, 'is no regular file'],
  ])('%s', { timeout: 30_000 }, async (_, args, env, said) => {
    const ran = await command(args, env)
    expect(ran.stderr).toContain(said)
    expect(ran.stderr).toContain('--help')
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).not.toContain('hush')
    expect(await readdir(folder)).toEqual([])
  })
})

test('files that are no events are refused before anything is sent', { timeout: 60_000 }, async () => {
  const refused = async (path: string, ...more: string[]) => {
    const ran = await command(['send', path, ...more], known)
    return `${ran.code} ${ran.stderr}`
  }
  const csv = await file('table.csv', 'id,benefit\n1,youku-vip\n')
  expect(await refused(csv)).toMatch(/^2 None of the first 2 lines is a JSON object/)
  const wide = await file('wide.ndjson', Buffer.from(`\uFEFF${line('use-1')}\n`, 'utf16le'))
  expect(await refused(wide)).toMatch(/^2 .*is UTF-16/)
  const own = await file('notes.txt', 'mine')
  const good = await file('good.ndjson', events(1))
  expect(await refused(good, '--state', own, '--restart')).toMatch(/^2 .*is no state of this command/)
  const names = await readdir(folder)
  expect(names.filter(name => /receipts|malformed|\.tessera/.test(name))).toEqual([])
})

test('help and version', { timeout: 30_000 }, async () => {
  const helped = await command(['send', '--help'])
  expect(helped).toMatchObject({ code: 0, stderr: '' })
  for (const option of ['--issuer', '--secret-file', '--restart', '--dry-run', 'Exit codes', 'TESSERA_CLIENT_SECRET'])
    expect(helped.stdout).toContain(option)
  expect(await command([])).toMatchObject({ code: 0, stdout: helped.stdout })
  expect((await command(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

describe('--dry-run', () => {
  test('counts, names lines that are no events, and needs no gateway', { timeout: 30_000 }, async () => {
    const text = [line('use-1'), '', 'no JSON', line('use-2', { quanttiy: 2 }), `${line('use-3')}\r`, '[', ''].join(
      '\n',
    )
    const path = await file('mixed.ndjson.gz', gzipSync(text))
    const ran = await command(['send', path, '--dry-run', '--json', '--max-events', '2'])
    expect(ran).toMatchObject({ code: 1, stderr: '' })
    const counted = JSON.parse(ran.stdout)
    expect(counted).toMatchObject({ lines: 5, batches: 3, notJson: 2, notEvents: 1, skipped: 0 })
    expect(counted.first).toEqual([
      { line: 3, sent: true, errors: [{ pointer: '', detail: 'not JSON in UTF-8, or too long' }] },
      { line: 4, sent: true, errors: [{ pointer: '/quanttiy', detail: 'unknown field' }] },
      { line: 6, sent: true, errors: [{ pointer: '', detail: 'not JSON in UTF-8, or too long' }] },
    ])
    expect((await command(['send', path, '--dry-run'])).stdout).toContain('line 4: /quanttiy unknown field')
  })

  test('tells gzip that was cut off', { timeout: 30_000 }, async () => {
    const whole = gzipSync(events(500))
    const path = await file('cut.ndjson.gz', whole.subarray(0, whole.length / 2))
    const ran = await command(['send', path, '--dry-run'])
    expect(ran).toMatchObject({ code: 3, stdout: '' })
    expect(ran.stderr).toContain('ends too early')
  })

  test('takes several gzip members for one file, and tells what lies between them', { timeout: 30_000 }, async () => {
    const [first, second] = [gzipSync(events(200)), gzipSync(events(200, 'more'))]
    const joined = await file('joined.ndjson.gz', Buffer.concat([first, second]))
    const counted = await command(['send', joined, '--dry-run', '--json'])
    expect(JSON.parse(counted.stdout)).toMatchObject({ lines: 400 })
    for (const padding of [Buffer.alloc(1), Buffer.alloc(512), Buffer.alloc(300_000)]) {
      const path = await file('padded.ndjson.gz', Buffer.concat([first, padding, second]))
      const ran = await command(['send', path, '--dry-run'])
      expect(ran).toMatchObject({ code: 3, stdout: '' })
      expect(ran.stderr).toContain(`more behind the end of its gzip, at byte ${first.length}`)
    }
  })

  test('memory does not depend on the size of the file', { timeout: 180_000 }, async () => {
    const peak = async (lines: number) => {
      const { child, ended } = start(['send', '-', '--dry-run', '--json'], {
        // Told by the process itself at its end.
        NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(PEAK)}`,
      })
      const chunk = Buffer.from(events(1000))
      for (let sent = 0; sent < lines; sent += 1000) {
        if (!child.stdin.write(chunk)) await new Promise(drained => child.stdin.once('drain', drained))
      }
      child.stdin.end()
      const ran = await ended
      expect(JSON.parse(ran.stdout)).toMatchObject({ lines, notJson: 0 })
      return Number(/peak (\d+)/.exec(ran.stderr)?.[1])
    }
    // 135 MB more to read. What a process holds goes up and down by some tens of megabytes from run to run.
    const [small, large] = [await peak(200_000), await peak(1_000_000)]
    expect(small).toBeGreaterThan(20)
    expect(large).toBeLessThan(small + 100)
    expect(large).toBeLessThan(400)
  })
})

const PEAK = `process.on('exit',()=>console.error('peak '+Math.round(process.resourceUsage().maxRSS/1024)))`
