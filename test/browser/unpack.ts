import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { inflate } from '@sparticuz/chromium'
import { trueTypeOf } from './woff2.ts'

/** A browser that needs nothing of the machine but the C library: its other libraries and its fonts are with it. */
export type UnpackedBrowser = { executable: string; libraries: string; fontConfiguration: string }

const require = createRequire(import.meta.url)
const packageFolder = (name: string) => dirname(require.resolve(`${name}/package.json`))
const root = join(import.meta.dirname, '../..')

/**
 * Unpacks the browser that npm brought, once for each version. The libraries of the package are meant for Lambda, and
 * serve just as well where nobody installed NSS: they want glibc 2.34 (Debian 12, Ubuntu 22.04) and libgcc, no more.
 */
export async function unpackedBrowser(): Promise<UnpackedBrowser> {
  const chromium = join(root, 'node_modules/@sparticuz/chromium')
  const fonts = packageFolder('@fontsource-variable/noto-sans-sc')
  const versions = await Promise.all([chromium, fonts].map(versionOf))
  const folder = join(root, 'node_modules/.cache/tessera-browser', versions.join('-'))
  if (!existsSync(folder)) await unpack(join(chromium, 'bin'), join(fonts, 'files'), folder)
  return {
    executable: join(folder, 'chromium'),
    libraries: join(folder, 'al2023/lib'),
    fontConfiguration: await fontConfigurationIn(folder),
  }
}

async function versionOf(folder: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { version: string }
  return version
}

/** Into a folder of its own first, so that a run that is cut short leaves no half a browser behind. */
async function unpack(packed: string, webFonts: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  const staging = await mkdtemp(`${folder}.`)
  try {
    const files = ['chromium.br', 'al2023.tar.br', 'fonts.tar.br', 'swiftshader.tar.br']
    await Promise.all(files.map(file => inflatedInto(staging, join(packed, file))))
    await mkdir(join(staging, 'chinese'))
    for (const file of (await readdir(webFonts)).filter(name => name.endsWith('.woff2')))
      await writeFile(join(staging, 'chinese', `${file}.ttf`), trueTypeOf(await readFile(join(webFonts, file))))
    await rename(staging, folder).catch(error => {
      // Another run was faster.
      if (!existsSync(folder)) throw error
    })
  } finally {
    await rm(staging, { recursive: true, force: true })
  }
}

/** The package unpacks into the folder for temporary files, which it looks up before anything else. */
function inflatedInto(folder: string, file: string): Promise<string> {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = folder
  try {
    return inflate(file)
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
}

async function fontConfigurationIn(folder: string): Promise<string> {
  const file = join(folder, 'fonts.conf')
  const family = (name: string) =>
    `<alias><family>${name}</family><prefer><family>Open Sans</family><family>Noto Sans SC</family></prefer></alias>`
  await writeFile(
    file,
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${folder}/fonts</dir>
  <dir>${folder}/chinese</dir>
  <cachedir>${folder}/font-cache</cachedir>
  ${['system-ui', 'sans-serif'].map(family).join('\n  ')}
</fontconfig>
`,
  )
  return file
}
