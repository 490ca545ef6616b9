import type { FC } from 'hono/jsx'
import { languageNames, languages } from '../language.ts'
import { styleAddress } from '../style.ts'
import type { Frame, View, Visit } from '../visit.ts'
import { Mark } from './mark.tsx'
import { Csrf } from './pieces.tsx'

/** The whole document around a page's own part. */
export const documentOf = (visit: Visit, { title, body, reopens = true, frame = portalFrame(visit) }: View) => {
  const { language, messages } = visit
  const width = frame.wide ? 'mx-auto w-full max-w-7xl px-4' : 'mx-auto w-full max-w-5xl px-4'
  return (
    <html lang={language}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · ${frame.name}`}</title>
        <link rel="stylesheet" href={styleAddress} />
      </head>
      <body class="flex min-h-screen flex-col">
        <a
          class="btn btn-primary sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-10 focus:px-4"
          href="#content"
        >
          {messages.skip}
        </a>
        <Header visit={visit} reopens={reopens} frame={frame} width={width} />
        <main id="content" class={`${width} flex-1 pt-6 pb-12 sm:pt-10`} tabindex={-1}>
          {body}
        </main>
        <footer class="no-print border-t border-base-300">
          <p class={`${width} py-6 text-sm text-quiet`}>{frame.footer}</p>
        </footer>
      </body>
    </html>
  )
}

const portalFrame = ({ messages }: Visit): Frame => ({
  home: '/',
  name: messages.product,
  tabs: {
    label: messages.tabs.label,
    items: [
      ['/', messages.home],
      ['/pass', messages.tabs.pass],
      ['/activity', messages.tabs.activity],
      ['/privacy', messages.tabs.privacy],
    ],
  },
  footer: messages.footer,
  wide: false,
})

type HeaderProps = { visit: Visit; reopens: boolean; frame: Frame; width: string }

const Header: FC<HeaderProps> = ({ visit, reopens, frame, width }) => {
  const { messages, session } = visit
  return (
    <header class="no-print border-b border-base-300 bg-base-100">
      <div class={width}>
        <div class="flex min-h-14 flex-wrap items-center gap-1">
          <a class="mr-auto inline-flex min-h-11 items-center gap-2 text-lg font-bold" href={frame.home}>
            <Mark />
            <span>{frame.name}</span>
          </a>
          <LanguageSwitch visit={visit} reopens={reopens} />
          {session && (
            <form method="post" action="/sign-out">
              <Csrf visit={visit} />
              <button type="submit" class="btn btn-ghost btn-sm font-medium whitespace-nowrap">
                {messages.signOut}
              </button>
            </form>
          )}
        </div>
        {session && <Tabs visit={visit} frame={frame} />}
      </div>
    </header>
  )
}

/** Each language but the present one, named in its own words. */
const LanguageSwitch: FC<{ visit: Visit; reopens: boolean }> = ({ visit, reopens }) => {
  const { language, messages, url } = visit
  const there = (code: string) => {
    const query = new URLSearchParams(reopens ? url.search : '')
    query.set('lang', code)
    return `${reopens ? url.pathname : '/'}?${query}`
  }
  return (
    <nav aria-label={messages.languages}>
      <ul class="flex">
        {languages
          .filter(code => code !== language)
          .map(code => (
            <li>
              <a
                class="btn btn-ghost btn-sm font-medium whitespace-nowrap"
                href={there(code)}
                lang={code}
                hreflang={code}
              >
                {languageNames[code]}
              </a>
            </li>
          ))}
      </ul>
    </nav>
  )
}

const Tabs: FC<{ visit: Visit; frame: Frame }> = ({ visit: { url }, frame: { home, tabs } }) => {
  const within = (path: string) => url.pathname === path || (path !== home && url.pathname.startsWith(`${path}/`))
  return (
    <nav aria-label={tabs.label}>
      <ul class="tab-row flex flex-wrap gap-x-3 text-[0.9375rem] sm:gap-x-7 sm:text-base">
        {tabs.items.map(([path, name]) => (
          <li>
            <a href={path} aria-current={within(path) ? 'page' : undefined}>
              {name}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
