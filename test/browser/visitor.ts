import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, Locator, Page, Response } from 'playwright-core'
import { expect } from 'vitest'
import { type Messages, messagesOf } from '../../functions/portal/language.ts'
import { accessibilityFaults } from './accessibility.ts'
import type { Theatre } from './cast.ts'
import type { Variant } from './journey.ts'
import { noteWeight, resultsFolder } from './results.ts'

const patienceMilliseconds = 60_000
const languageTags = { 'zh-CN': 'zh-CN', en: 'en-GB' }

/** A person with a browser: opens, reads, presses, and looks hard at every page. */
export class Visitor {
  readonly page: Page
  readonly words: Messages
  readonly #context: BrowserContext
  readonly #theatre: Theatre
  readonly #variant: Variant
  readonly #forbidden: string[] = []
  #document: Response | undefined

  private constructor(context: BrowserContext, page: Page, theatre: Theatre, variant: Variant) {
    this.#context = context
    this.page = page
    this.#theatre = theatre
    this.#variant = variant
    this.words = messagesOf[variant.language]
    this.#watch(page)
  }

  static async come(browser: Browser, theatre: Theatre, variant: Variant): Promise<Visitor> {
    const context = await browser.newContext({
      javaScriptEnabled: variant.script,
      viewport: { width: variant.width, height: variant.width === 320 ? 640 : 800 },
      colorScheme: variant.scheme,
      locale: languageTags[variant.language],
      reducedMotion: 'reduce',
    })
    context.setDefaultTimeout(patienceMilliseconds)
    return new Visitor(context, await context.newPage(), theatre, variant)
  }

  /** Another tab of the same browser. */
  async secondTab(): Promise<Visitor> {
    return new Visitor(this.#context, await this.#context.newPage(), this.#theatre, this.#variant)
  }

  leave = (): Promise<void> => this.#context.close()

  #watch(page: Page): void {
    const own = new Set([this.#theatre.issuer, this.#theatre.identityIssuer, ...this.#theatre.elsewhere])
    for (const issuer of Object.values(this.#theatre.partnerIssuers)) own.add(issuer)
    page.on('request', request => {
      const { origin, protocol } = new URL(request.url())
      if (protocol.startsWith('http') && !own.has(origin)) this.#forbidden.push(`a request to ${origin}`)
    })
    page.on('console', message => {
      if (/content security policy|refused to/i.test(message.text())) this.#forbidden.push(message.text())
    })
    page.on('pageerror', error => this.#forbidden.push(`a script failed: ${error.message}`))
    page.on('response', response => {
      const isRedirect = response.status() >= 300 && response.status() < 400
      if (response.request().isNavigationRequest() && !isRedirect) this.#document = response
    })
  }

  /** No page may break its own content security policy or call anybody else. */
  assertNothingForbidden(): void {
    expect(this.#forbidden).toEqual([])
  }

  async open(path: string): Promise<void> {
    await this.page.goto(new URL(path, this.#theatre.issuer).href)
  }

  async signIn(login: string): Promise<void> {
    await this.open('/')
    await this.follow(this.words.signIn)
    await this.fillSignIn(login)
  }

  /** The form of whichever OpenID provider is open: the brand's or a partner's. */
  async fillSignIn(login: string, password = 'demo'): Promise<void> {
    await this.page.locator('input[name=login]').fill(login)
    await this.page.locator('input[name=password]').fill(password)
    await this.#leaving(() => this.page.locator('button[type=submit]:not([name])').click())
  }

  cancelSignIn = (): Promise<void> => this.#leaving(() => this.page.locator('button[name=cancel]').click())

  /** By address, where many links are called alike. */
  followTo = (path: string): Promise<void> =>
    this.#leaving(() => this.page.locator(`a[href^="${path}"]`).first().click())
  text = (text: string | RegExp): Promise<void> => this.page.getByText(text).first().waitFor()

  button = (name: string | RegExp): Locator => this.page.getByRole('button', { name, exact: true })
  link = (name: string | RegExp): Locator => this.page.getByRole('link', { name, exact: true })

  press = (name: string | RegExp): Promise<void> => this.#leaving(() => this.button(name).click())
  follow = (name: string | RegExp): Promise<void> => this.#leaving(() => this.link(name).first().click())

  /** Does something that leads to another page, and waits for that page. */
  leavingBy = (act: () => Promise<unknown>): Promise<void> => this.#leaving(act)
  async #leaving(act: () => Promise<unknown>): Promise<void> {
    const arrived = this.page.waitForEvent('framenavigated', frame => frame === this.page.mainFrame())
    // A failing act is what went wrong, not the page that then never comes.
    arrived.catch(() => undefined)
    await act()
    await arrived
    await this.page.waitForLoadState()
  }

  /**
   * Waits for a page by its heading, then holds it to everything that every page owes. The first time in each language
   * it is looked at in both widths and both colour schemes, and each look leaves a picture.
   */
  async see(name: string, heading: string | RegExp): Promise<void> {
    const { page } = this
    await page.getByRole('heading', { level: 1, name: heading, exact: true }).waitFor()
    const { script, width, scheme, language } = this.#variant
    expect(await page.locator('h1').count(), `${name} has one h1`).toBe(1)
    expect(await page.locator('html').getAttribute('lang'), `${name} says its language`).toBe(language)
    expect(await page.title(), `${name} has a title`).not.toBe('')
    await this.#examine(name, { width, scheme })
    const key = `${name} ${language} ${script}`
    const others = examined.has(key) ? [] : allLooks.filter(look => look.width !== width || look.scheme !== scheme)
    examined.add(key)
    for (const look of others) {
      await this.#turn(look)
      await this.#examine(name, look)
    }
    if (others.length > 0) await this.#turn({ width, scheme })
    this.assertNothingForbidden()
    await this.#weigh(name)
  }

  async #examine(name: string, { width, scheme }: Look): Promise<void> {
    await this.#picture(name, width, scheme)
    if (!this.#variant.script) return
    expect(await accessibilityFaults(this.page), `${name} at ${width} px, ${scheme}`).toEqual([])
  }

  async #turn({ width, scheme }: Look): Promise<void> {
    await this.page.setViewportSize({ width, height: width === 320 ? 640 : 800 })
    await this.page.emulateMedia({ colorScheme: scheme })
    // Colours that are on their way from one scheme to the other have no contrast to speak of.
    const settled = 'Promise.allSettled(document.getAnimations().map(moving => moving.finished)).then(() => undefined)'
    if (this.#variant.script) await this.page.evaluate(settled)
  }

  async #picture(name: string, width: number, scheme: string): Promise<void> {
    const { language, script } = this.#variant
    const wide = await this.page.evaluate<number>('document.documentElement.scrollWidth')
    expect(wide, `${name} scrolls sideways at ${width} px`).toBeLessThanOrEqual(width)
    const file = `${name}.${language}.${width}.${scheme}.${script ? 'script' : 'plain'}.png`
    await this.page.screenshot({ path: join(resultsFolder, file), fullPage: true, animations: 'disabled' })
  }

  async #weigh(name: string): Promise<void> {
    const { issuer } = this.#theatre
    if (new URL(this.page.url()).origin !== issuer) return
    const html = await this.#document?.body().catch(() => undefined)
    const style = await this.page.locator('link[rel=stylesheet]').first().getAttribute('href')
    if (!html || !style) return
    const css = await fetch(new URL(style, issuer))
    const cssBytes = gzipSync(Buffer.from(await css.arrayBuffer())).length
    noteWeight({ page: name, htmlBytes: gzipSync(html).length, cssBytes })
  }

  /** What a failure should tell. */
  async whereabouts(): Promise<string> {
    const text = await this.page
      .locator('body')
      .textContent({ timeout: 1_000 })
      .catch(() => '')
    return `at ${this.page.url()}:\n${(text ?? '').replaceAll(/\s+/g, ' ').slice(0, 600)}`
  }

  /** From the consent page through the partner's sign-in to whatever comes of it. */
  async linkAt(partner: string, account: string, programme = '88vip'): Promise<void> {
    await this.open(`/link/${partner}?programme=${programme}`)
    await this.press(this.words.agree)
    await this.fillSignIn(account)
  }

  get language() {
    return this.#variant.language
  }

  /** What has the keyboard now, and whether one can see that it has. */
  focused(): Promise<Focus> {
    return this.page.evaluate<Focus>(focusProbe)
  }

  /** Presses Tab until the element whose text or label this is has the keyboard. */
  async tabTo(name: string): Promise<void> {
    const passed: string[] = []
    for (let presses = 0; presses < 80; presses += 1) {
      await this.page.keyboard.press('Tab')
      const focus = await this.focused()
      if (focus.tag !== 'body') expect(focus, `the focus on "${focus.name}" can be seen`).toMatchObject({ seen: true })
      if (focus.name === name) return
      passed.push(focus.name)
    }
    throw new Error(`Tab never reaches "${name}"; it passes ${passed.join(', ')}`)
  }

  /** The fonts that an element's glyphs are really taken from. */
  async fontsOf(selector: string): Promise<string[]> {
    const debug = await this.#context.newCDPSession(this.page)
    await debug.send('DOM.enable')
    await debug.send('CSS.enable')
    const { root } = await debug.send('DOM.getDocument')
    const { nodeId } = await debug.send('DOM.querySelector', { nodeId: root.nodeId, selector })
    const { fonts } = await debug.send('CSS.getPlatformFontsForNode', { nodeId })
    await debug.detach()
    return fonts.map(({ familyName }) => familyName)
  }

  /** Requests with this browser's cookies, beside its pages. */
  get requests() {
    return this.#context.request
  }

  forgetCookies = (name: RegExp): Promise<void> => this.#context.clearCookies({ name })
}

export type Focus = { tag: string; name: string; type: string; seen: boolean }
const focusProbe = `(() => {
  const element = document.activeElement ?? document.body
  const style = getComputedStyle(element)
  const box = element.getBoundingClientRect()
  const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1
  const label = element.labels?.[0]?.textContent ?? element.getAttribute('aria-label') ?? element.textContent ?? ''
  return {
    tag: element.localName,
    name: label.replaceAll(/\\s+/g, ' ').trim(),
    type: element.getAttribute('type') ?? '',
    seen: (outlined || style.boxShadow !== 'none') && box.width > 1 && box.height > 1,
  }
})()`

type Look = Pick<Variant, 'width' | 'scheme'>
const allLooks: Look[] = [
  { width: 320, scheme: 'light' },
  { width: 320, scheme: 'dark' },
  { width: 1280, scheme: 'light' },
  { width: 1280, scheme: 'dark' },
]
const examined = new Set<string>()
