import { type Display, stylesheet } from './pages.ts'

/** The platform's pages share the look of its sign-in pages and add cards, lists and art. */
export const platformStyle = (display: Display): string => `${stylesheet(display)}
header { padding: .5rem 1rem; }
.bar { max-width: 50rem; margin: 0 auto; display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.25rem; }
.bar .brand { margin: 0 auto 0 0; max-width: none; }
.bar a, .bar .brand { display: inline-flex; align-items: center; min-height: 2.75rem; color: var(--on-brand); }
.bar .brand { text-decoration: none; }
.bar :focus-visible { outline-color: var(--on-brand); }
.skip { position: absolute; left: 1rem; top: -6rem; padding: .75rem 1rem; background: #fff; color: var(--ink); }
.skip:focus { top: .5rem; }
main { max-width: 52rem; background: none; box-shadow: none; padding: 1rem; margin-top: 1rem; }
main:focus { outline: none; }
h1 { font-size: clamp(1.5rem, 5vw, 2.25rem); text-wrap: balance; }
h2 { margin: 0 0 .5rem; font-size: 1.25rem; line-height: 1.3; }
.card { background: #fff; border: 1px solid #d8dade; border-radius: 1rem; overflow: hidden; margin: 0 0 1.5rem;
  box-shadow: 0 1px 2px #0000000f, 0 8px 24px #00000012; }
.card .inside { padding: 1.25rem; }
.card > svg { display: block; width: 100%; height: auto; max-height: 17rem; background: #15171c; }
.is-locked > svg .scene { opacity: .35; }
.badge { display: inline-block; margin: 0 0 .5rem; padding: .125rem .75rem; border-radius: 999px; font-size: .9375rem;
  font-weight: 700; background: #e6e7ea; color: #33373d; }
.is-unlocked .badge { background: #d7f2e3; color: #0b4f30; }
.facts { display: grid; gap: .5rem 2rem; margin: .75rem 0; }
.facts dt { color: var(--quiet); font-size: .9375rem; }
.facts dd { margin: 0; font-weight: 600; }
.coupons { display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: .75rem; padding: 0; margin: 1rem 0;
  list-style: none; }
.coupons li { padding: 1rem .5rem; text-align: center; font-weight: 700; border: 2px dashed #8a1f11; border-radius: .75rem;
  background: #fff1ee; color: #8a1f11; }
.button { display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; padding: .5rem 1.5rem;
  font-weight: 600; text-decoration: none; color: var(--on-brand); background: var(--brand); border: 1px solid #6b7078;
  border-radius: .5rem; }
details { margin-top: 1.25rem; border-top: 1px solid #d8dade; }
summary { min-height: 2.75rem; padding: .625rem 0; font-weight: 600; cursor: pointer; }
details .facts dd { font-weight: 400; font-family: ui-monospace, monospace; font-size: .9375rem; }
.receipt { margin: 0 0 1.5rem; padding: 1rem 1.25rem; border-left: 4px solid #0b6b42; border-radius: .5rem;
  background: #e4f6ec; color: #0b3f28; }
.receipt .facts dt { color: #0b3f28; }
.receipt .facts { margin-bottom: 0; }
.qr { max-width: 18rem; margin: 1rem 0; padding: .5rem; background: #fff; }
.qr svg { display: block; width: 100%; height: auto; }
.user-code { font: 700 1.75rem/1.2 ui-monospace, monospace; letter-spacing: .08em; }
.reports { padding: 0; list-style: none; }
.reports .card { padding: 1rem 1.25rem; margin-bottom: .75rem; }
.quiet { color: var(--quiet); }
code { font-family: ui-monospace, monospace; font-size: .9375em; }
footer { max-width: 52rem; margin: 0 auto; padding: 1rem; color: var(--quiet); font-size: .9375rem; }
footer ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; margin: .5rem 0 0; list-style: none; }
footer a { min-height: 2.75rem; display: inline-flex; align-items: center; }
@media (min-width: 40rem) {
  .card .inside { padding: 1.75rem; }
  .facts { grid-template-columns: repeat(3, minmax(0, 1fr)); }
  details .facts { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  button { width: auto; min-width: 14rem; }
}
@media (forced-colors: active) { .badge, .coupons li { border: 1px solid; } }
`
