import type { Child, FC } from 'hono/jsx'
import { asLanguage, languageNames, languages } from '../language.ts'
import { styleAddress } from '../style.ts'
import type { View, Visit } from '../visit.ts'
import { Mark } from './mark.tsx'

/** The whole document around a page's own part. */
export const documentOf = (visit: Visit, { title, body, reopens = true }: View) => {
  const { language, messages } = visit
  return (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · ${messages.product}`}</title>
        <link rel="stylesheet" href={styleAddress} />
      </head>
      <body>
        <a class="skip" href="#content">
          {messages.skip}
        </a>
        <Header visit={visit} reopens={reopens} />
        <main id="content" tabindex={-1}>
          {body}
        </main>
        <footer>
          <p>{messages.footer}</p>
        </footer>
      </body>
    </html>
  )
}

const Header: FC<{ visit: Visit; reopens: boolean }> = ({ visit, reopens }) => {
  const { language, messages, session, url } = visit
  const there = (code: string) => {
    const query = new URLSearchParams(reopens ? url.search : '')
    query.set('lang', code)
    return `${reopens ? url.pathname : '/'}?${query}`
  }
  return (
    <header>
      <div class="bar">
        <a class="wordmark" href="/">
          <Mark />
          <span>{messages.product}</span>
        </a>
        <nav aria-label={messages.languages}>
          <ul class="languages">
            {languages.map(code => (
              <li>
                <a
                  href={there(code)}
                  lang={code}
                  hreflang={code}
                  aria-current={asLanguage(code) === language ? 'true' : undefined}
                >
                  {languageNames[code]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        {session && (
          <form method="post" action="/sign-out">
            <Csrf visit={visit} />
            <button type="submit" class="quiet">
              {messages.signOut}
            </button>
          </form>
        )}
      </div>
    </header>
  )
}

/** The proof that a form is ours, which every form carries. */
export const Csrf: FC<{ visit: Visit }> = ({ visit }) => (
  <input type="hidden" name="csrf" value={visit.session?.csrf ?? ''} />
)

export const Banner: FC<{ children?: Child }> = ({ children }) => (
  <p class="banner" role="status">
    <span class="tick" aria-hidden="true">
      ✓
    </span>
    {children}
  </p>
)
