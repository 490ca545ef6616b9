import { FormBrowser, type Page } from '../../functions/local/form-browser.ts'
import type { Form } from '../../functions/local/html-forms.ts'
import { portalSessions } from '../../functions/portal/session.ts'
import { exceptionWorld } from '../exceptions/world.ts'
import { issuer } from '../support/gateway.ts'

export type Desk = Awaited<ReturnType<typeof deskWorld>>
type Person = { subject?: string; name?: string; roles?: string[]; language?: 'en' | 'zh-CN' }

/** The gateway with exceptions, and people of the operator's staff in front of it. */
export async function deskWorld() {
  const world = await exceptionWorld()
  const sessions = portalSessions(world.services)

  /** A browser in which somebody is signed in. */
  async function staff({ subject = 'mei', name = 'Mei', roles = ['finance'], language = 'en' }: Person = {}) {
    const person = { issuer: 'https://identity.invalid', subject, name, roles, language }
    const [cookie = ''] = (await sessions.start(person)).split(';')
    const browser = new FormBrowser({
      async fetch(input, init) {
        const headers = new Headers(init?.headers)
        const others = headers.get('cookie')
        headers.set('cookie', others ? `${cookie}; ${others}` : cookie)
        const { pathname, search } = new URL(String(input))
        return world.app.request(`${pathname}${search}`, { ...init, headers } as RequestInit)
      },
    })
    const open = (path: string): Promise<Page> => browser.get(`${issuer}${path}`)
    return {
      browser,
      cookie,
      open,
      /** Fills a form of the page; `form` is what its address ends with, and the outcome where there are several. */
      send: (page: Page, form: FormName, fields: Record<string, string> = {}, button?: string) =>
        browser.submit(page, formOf(page, form), fields, button),
    }
  }
  return { ...world, staff }
}

type FormName = 'assign' | 'accepted' | 'rejected' | 'adjusted'

export function formOf(page: Page, name: FormName): Form {
  const found = page.forms.find(({ action, controls }) =>
    name === 'assign' ? action.pathname.endsWith('/assign') : controls.get('outcome') === name,
  )
  if (!found) throw new Error(`no form ${name} at ${page.url.href}: ${page.status} ${textOf(page).slice(0, 600)}`)
  return found
}

/** What a page says, without its tags. */
export const textOf = ({ body }: Pick<Page, 'body'>): string =>
  body
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#39;/g, "'")
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
