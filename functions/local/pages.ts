import type { Bilingual } from './accounts.ts'

/** Pages of a demo OpenID provider: plain HTML, no script, one stylesheet of its own origin. */

export type Language = keyof Bilingual

/** How a provider shows itself. `id` also keeps its cookies apart; `colour` is `#rrggbb`. */
export interface Display {
  readonly id: string
  readonly name: Bilingual
  readonly colour: string
}

interface Frame {
  readonly language: Language
  readonly display: Display
}

const TEXT = {
  'zh-CN': {
    signIn: '登录',
    signInTo: (name: string) => `登录${name}`,
    continueTo: (client: string) => `登录后将返回「${client}」。`,
    login: '账号',
    password: '密码',
    cancel: '取消',
    wrong: '账号或密码不正确，请检查后重试。',
    wrongTitle: '登录失败',
    signedInAs: '当前登录账号：',
    signedOut: '您尚未登录。',
    signOut: '退出登录',
    signOutTitle: (name: string) => `要退出${name}吗？`,
    signOutText: '退出后，需要重新输入密码才能再次使用此账号。',
    stay: '保持登录',
    goOn: '继续',
    signedOutTitle: '您已退出登录',
    home: (name: string) => `返回${name}首页`,
    errorTitle: '无法继续',
    errorCode: '错误代码',
  },
  en: {
    signIn: 'Sign in',
    signInTo: (name: string) => `Sign in to ${name}`,
    continueTo: (client: string) => `You will then return to ${client}.`,
    login: 'Account name',
    password: 'Password',
    cancel: 'Cancel',
    wrong: 'The account name or the password is not right. Check both and try again.',
    wrongTitle: 'Sign-in failed',
    signedInAs: 'Signed in as ',
    signedOut: 'You are not signed in.',
    signOut: 'Sign out',
    signOutTitle: (name: string) => `Sign out of ${name}?`,
    signOutText: 'You will need your password to use this account again.',
    stay: 'Stay signed in',
    goOn: 'Continue',
    signedOutTitle: 'You are signed out',
    home: (name: string) => `Go to the ${name} home page`,
    errorTitle: 'This cannot go on',
    errorCode: 'Error code',
  },
} as const

const ADVICE: Readonly<Record<string, Bilingual>> = {
  expired: {
    'zh-CN': '此登录请求已过期，或是在另一个浏览器中打开的。请回到原来的网站，重新登录。',
    en: 'This sign-in has expired, or was begun in another browser. Go back to the site you came from and sign in again.',
  },
  client: {
    'zh-CN': '把您带到这里的网站没有正确登记，为了您的安全，我们没有把您送回去。请联系该网站。',
    en: 'The site that sent you here is not registered for this, so for your safety we did not send you back. Please tell that site.',
  },
  missing: {
    'zh-CN': '没有这个页面。请检查网址，或从首页重新开始。',
    en: 'There is no such page. Check the address, or start again from the home page.',
  },
  origin: {
    'zh-CN': '此表单来自另一个网站，我们没有接受。请从首页登录。',
    en: 'The form came from another site, so it was not accepted. Please sign in from the home page.',
  },
  other: {
    'zh-CN': '请回到原来的网站重试。如果仍然不行，请把下面的错误代码告诉对方。',
    en: 'Go back to the site you came from and try again. If it fails again, tell them the error code below.',
  },
}

const ADVICE_BY_CODE: Readonly<Record<string, keyof typeof ADVICE>> = {
  session_not_found: 'expired',
  invalid_client: 'client',
  invalid_redirect_uri: 'client',
  not_found: 'missing',
  cross_origin_form: 'origin',
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string) => text.replace(/[&<>"']/g, character => ESCAPES[character] ?? '')

function page({ language, display }: Frame, title: string, body: string): string {
  const name = escaped(display.name[language])
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)} · ${name}</title>
<link rel="stylesheet" href="/oidc/style.css">
</head>
<body>
<header><p class="brand">${name}</p></header>
<main>
<h1>${escaped(title)}</h1>
${body}
</main>
</body>
</html>
`
}

export interface LoginForm extends Frame {
  /** Path that takes the form by POST. */
  readonly action: string
  readonly login?: string
  readonly client?: string
  readonly hint?: Bilingual
  readonly failed?: boolean
}

/** Sign-in form with the fields `login` and `password` and a second button `cancel`. */
export function loginPage(form: LoginForm): string {
  const text = TEXT[form.language]
  const failed = form.failed ?? false
  const login = (form.login ?? '').slice(0, 64)
  const focus = (wanted: boolean) => (wanted ? ' autofocus' : '')
  const fault = failed ? ' aria-invalid="true" aria-describedby="fault"' : ''
  const title = failed ? text.wrongTitle : text.signInTo(form.display.name[form.language])
  return page(
    form,
    title,
    `${failed ? `<p id="fault" class="fault" role="alert">${text.wrong}</p>` : ''}
${form.client === undefined ? '' : `<p>${escaped(text.continueTo(form.client))}</p>`}
<form method="post" action="${escaped(form.action)}">
<label for="login">${text.login}</label>
<input id="login" name="login" type="text" value="${escaped(login)}" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="64" required${fault}${focus(login === '')}>
<label for="password">${text.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="256" required${fault}${focus(login !== '')}>
<button type="submit">${text.signIn}</button>
<button type="submit" class="plain" name="cancel" value="yes" formnovalidate>${text.cancel}</button>
</form>
${form.hint ? `<p class="hint">${escaped(form.hint[form.language])}</p>` : ''}`,
  )
}

export function homePage(frame: Frame, account: string | undefined): string {
  const text = TEXT[frame.language]
  const body =
    account === undefined
      ? `<p>${text.signedOut}</p><p><a href="/oidc/sign-in?return=/">${text.signIn}</a></p>`
      : `<p>${text.signedInAs}<strong>${escaped(account)}</strong></p><p><a href="/oidc/sign-out">${text.signOut}</a></p>`
  return page(frame, frame.display.name[frame.language], body)
}

/** Asks before signing out. `form` is the provider's own form (id `op.logoutForm`) with its anti-forgery field. */
export function signOutPage(frame: Frame, form: string): string {
  const text = TEXT[frame.language]
  return page(
    frame,
    text.signOutTitle(frame.display.name[frame.language]),
    `<p>${text.signOutText}</p>
${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes">${text.signOut}</button>
<button type="submit" form="op.logoutForm" class="plain">${text.stay}</button>`,
  )
}

export function signedOutPage(frame: Frame): string {
  return page(frame, TEXT[frame.language].signedOutTitle, homeLink(frame))
}

/** For a sign-out without a session: one button goes on to where the client wants the person back. */
export function alreadySignedOutPage(frame: Frame, xsrf: string): string {
  const text = TEXT[frame.language]
  return page(
    frame,
    text.signedOutTitle,
    `<form method="post" action="/oidc/sign-out/confirm">
<input type="hidden" name="xsrf" value="${escaped(xsrf)}">
<button type="submit" name="logout" value="yes">${text.goOn}</button>
</form>`,
  )
}

/** Says what happened and what to do next; shows the stable code, never a message or a stack of the server. */
export function errorPage(frame: Frame, code: string): string {
  const text = TEXT[frame.language]
  const advice = ADVICE[ADVICE_BY_CODE[code] ?? 'other']?.[frame.language] ?? ''
  return page(
    frame,
    text.errorTitle,
    `<p>${advice}</p>
${homeLink(frame)}
<p class="hint">${text.errorCode}: <code>${escaped(code)}</code></p>`,
  )
}

function homeLink({ language, display }: Frame): string {
  return `<p><a href="/">${escaped(TEXT[language].home(display.name[language]))}</a></p>`
}

/** Relative luminance, WCAG 2.2. */
function luminance(colour: string): number {
  const channel = (at: number) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

/** Black or white, whichever stands out more: one of the two always reaches 4.5:1. */
function textOn(colour: string): string {
  const background = luminance(colour)
  return 1.05 / (background + 0.05) >= (background + 0.05) / 0.05 ? '#ffffff' : '#000000'
}

export function stylesheet({ colour }: Display): string {
  return `:root { color-scheme: light; --brand: ${colour}; --on-brand: ${textOn(colour)}; --ink: #1c1e21; --quiet: #55595f; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; background: #f3f4f6; color: var(--ink);
  font: 1rem/1.6 system-ui, "PingFang SC", "Noto Sans SC", "Microsoft YaHei", sans-serif; }
header { background: var(--brand); color: var(--on-brand); padding: 1rem; }
.brand { max-width: 26rem; margin: 0 auto; font-size: 1.25rem; font-weight: 700; }
main { max-width: 28rem; margin: 1.5rem auto; padding: 1.5rem 1rem; background: #fff; border-radius: .75rem; overflow-wrap: anywhere; }
@media (min-width: 30rem) { main { padding: 2rem; margin-top: 3rem; box-shadow: 0 1px 6px #0002; } }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.3; }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600; }
input:not([type=hidden]) { width: 100%; min-height: 2.75rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: #fff; border: 1px solid #6b7078; border-radius: .5rem; }
input[aria-invalid] { border: 2px solid #b00020; }
button { display: block; width: 100%; min-height: 2.75rem; margin-top: 1rem; padding: .5rem 1rem; font: inherit; font-weight: 600;
  cursor: pointer; color: var(--on-brand); background: var(--brand); border: 1px solid #6b7078; border-radius: .5rem; }
button.plain { color: var(--ink); background: #fff; }
a { color: #0b4f9e; display: inline-block; min-height: 1.75rem; }
:focus-visible { outline: 3px solid #1c1e21; outline-offset: 2px; }
.fault { padding: .75rem; color: #8c0019; background: #fdecee; border-left: 4px solid #b00020; }
.hint { margin: 1.5rem 0 0; color: var(--quiet); font-size: .9375rem; }
`
}
