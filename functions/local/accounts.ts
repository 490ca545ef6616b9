/** Accounts of a demo OpenID provider. The whole sign-in policy of the demo lives here. */

export type Bilingual = Readonly<Record<'zh-CN' | 'en', string>>

/** What a provider says about a person; `paidUntil` is an ISO 8601 instant, absent when nothing is paid. */
export interface Account {
  readonly sub: string
  readonly name: string
  readonly roles?: readonly string[]
  readonly paidUntil?: string
}

export interface Accounts {
  /** The account of a login, or undefined where the login cannot exist. */
  find(login: string): Account | undefined
  /** The account, if the password is right. */
  signIn(login: string, password: string): Account | undefined
  /** One sentence under the form that tells a visitor how to get in. */
  readonly hint?: Bilingual
}

const LOGIN = /^[A-Za-z0-9._@-]{1,64}$/
const PASSWORD = 'demo'

/**
 * Any well-formed login is an account and is its own subject; the password is always `demo`.
 * `known` adds what is particular to some; it is read on every call, so its owner may change it while running.
 */
export function demoAccounts(known: ReadonlyMap<string, Partial<Omit<Account, 'sub'>>> = new Map()): Accounts {
  const find = (login: string): Account | undefined =>
    LOGIN.test(login) ? { name: login, ...known.get(login), sub: login } : undefined
  return {
    find,
    signIn: (login, password) => (password === PASSWORD ? find(login) : undefined),
    hint: {
      'zh-CN': '演示环境：任意账号均可登录，密码为 demo。',
      en: 'Demo: any account name works, the password is demo.',
    },
  }
}
