import { createHash } from 'node:crypto'

/**
 * The portal's one stylesheet. Every text and control keeps 4.5:1 and 3:1 against what is behind it in both schemes
 * (WCAG 2.2 AA), every control is at least 44 px high, and nothing scrolls sideways at 320 px.
 */
export const stylesheet = `
:root {
  color-scheme: light dark;
  --page: #f6f4ef; --panel: #ffffff; --ink: #1d2421; --quiet: #56605b; --line: #d9d5ca; --edge: #7d857f;
  --brand: #0f5c4d; --on-brand: #ffffff; --brand-strong: #0a4439; --danger: #a3201b; --on-danger: #ffffff;
  --link: #0c5a4a; --gold: #f2c14e; --shadow: 0 1px 2px #1d242114, 0 6px 20px #1d24210f;
  --green: #d7f2e3; --on-green: #0b4f30; --amber: #fdebc8; --on-amber: #6b3f00; --blue: #dbe9ff; --on-blue: #143f85;
  --violet: #eadfff; --on-violet: #4a2391; --red: #ffe0de; --on-red: #8a1310; --grey: #e8e8e4; --on-grey: #3c423e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101513; --panel: #1a211e; --ink: #eef2ef; --quiet: #aab5af; --line: #323c37; --edge: #7f8c85;
    --brand: #82d9c2; --on-brand: #06231c; --brand-strong: #a5e8d6; --danger: #ffb0aa; --on-danger: #3d0805;
    --link: #8fe0ca; --shadow: 0 1px 2px #0006;
    --green: #123f2b; --on-green: #b5efce; --amber: #47300a; --on-amber: #fbdc9f; --blue: #16325e; --on-blue: #c9ddff;
    --violet: #352158; --on-violet: #e0d0ff; --red: #541614; --on-red: #ffd0cc; --grey: #2d3531; --on-grey: #d3dad6;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--page); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Noto Sans SC", "Microsoft YaHei", sans-serif;
  overflow-wrap: anywhere;
}
main, .bar, footer { width: 100%; max-width: 64rem; margin: 0 auto; padding: 0 1rem; }
main { flex: 1; padding-top: 1.5rem; padding-bottom: 3rem; }
main:focus { outline: none; }
h1, h2, h3 { line-height: 1.25; margin: 0 0 .5rem; text-wrap: balance; }
h1 { font-size: clamp(1.5rem, 5vw, 2.125rem); letter-spacing: -.01em; }
h2 { font-size: 1.25rem; }
h3 { font-size: 1.0625rem; }
p { margin: 0 0 .75rem; }
a { color: var(--link); text-underline-offset: .2em; }
.lead { font-size: 1.0625rem; }
.fine { color: var(--quiet); font-size: .9375rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 3px solid var(--brand); outline-offset: 3px; border-radius: .25rem; }
.skip { position: absolute; left: 1rem; top: -5rem; padding: .75rem 1rem; background: var(--panel); z-index: 1; }
.skip:focus { top: .5rem; }

header { background: var(--panel); border-bottom: 1px solid var(--line); }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; min-height: 3.75rem; padding-block: .5rem; }
.wordmark {
  display: inline-flex; align-items: center; gap: .5rem; min-height: 2.75rem; margin-right: auto;
  color: var(--ink); font-weight: 700; font-size: 1.125rem; text-decoration: none;
}
.mark { width: 1.75rem; height: 1.75rem; flex: none; }
.mark.large { width: 5.5rem; height: 5.5rem; }
.half-a { fill: var(--brand); }
.half-b { fill: var(--gold); }
.languages { display: flex; list-style: none; margin: 0; padding: 0; }
.languages a { display: inline-flex; align-items: center; min-height: 2.75rem; padding: 0 .625rem; color: var(--quiet); text-decoration: none; }
.languages a:hover { text-decoration: underline; }
.languages a[aria-current] { color: var(--ink); font-weight: 700; text-decoration: underline; text-decoration-thickness: 2px; }
footer { padding-block: 1rem 2rem; color: var(--quiet); font-size: .9375rem; border-top: 1px solid var(--line); }

.button, .quiet {
  display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; padding: .5rem 1.25rem;
  border: 1px solid var(--brand); border-radius: 999px; background: var(--brand); color: var(--on-brand);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
}
.button:hover { background: var(--brand-strong); border-color: var(--brand-strong); }
.button.secondary, .quiet { background: transparent; color: var(--ink); border-color: var(--edge); }
.button.secondary:hover, .quiet:hover { background: var(--grey); color: var(--on-grey); }
.button.danger { background: var(--danger); border-color: var(--danger); color: var(--on-danger); }
.quiet { padding-inline: .875rem; font-weight: 400; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1rem 0 0; }

.panel, .card {
  background: var(--panel); border: 1px solid var(--line); border-radius: 1rem; padding: 1.25rem; box-shadow: var(--shadow);
}
.panel { max-width: 44rem; margin: 0 auto 1.25rem; }
.panel h2 { margin-top: 1.5rem; font-size: 1.0625rem; }
.notice h2:first-child { margin-top: 0; font-size: 1.25rem; }
.notice .fine { margin: 1.25rem 0 0; }
.items { margin: 0 0 .75rem; padding-left: 1.25rem; }
.items li { margin-bottom: .375rem; }
.items li::marker { color: var(--brand); }
.choices { display: grid; gap: .75rem; padding: 0; list-style: none; }
.banner {
  display: flex; gap: .75rem; align-items: center; padding: .75rem 1rem; margin-bottom: 1.25rem; border-radius: .75rem;
  background: var(--green); color: var(--on-green); font-weight: 600;
}
.tick {
  display: inline-grid; place-items: center; width: 1.75rem; height: 1.75rem; flex: none; border-radius: 50%;
  background: var(--on-green); color: var(--green);
}

.hero { display: grid; justify-items: center; text-align: center; gap: .5rem; padding: 2.5rem 0 3rem; }
.hero h1 { font-size: clamp(1.75rem, 7vw, 3rem); margin-top: 1rem; }
.hero .lead { max-width: 36rem; color: var(--quiet); }
.hero .button { padding: .75rem 2.25rem; font-size: 1.0625rem; }
.steps { display: grid; gap: 1rem; padding: 0; margin: 0; list-style: none; counter-reset: step; }
.steps li {
  counter-increment: step; background: var(--panel); border: 1px solid var(--line); border-radius: 1rem; padding: 1.25rem;
}
.steps li::before {
  content: counter(step); display: inline-grid; place-items: center; width: 2.25rem; height: 2.25rem; margin-bottom: .75rem;
  border-radius: 50%; background: var(--brand); color: var(--on-brand); font-weight: 700;
}
.steps p { margin: 0; color: var(--quiet); }

.membership { margin: 1.25rem 0 2.5rem; }
.pass {
  padding: 1.5rem 1.25rem; margin-bottom: 1.25rem; border-radius: 1.25rem; color: #ffffff; box-shadow: var(--shadow);
  background: radial-gradient(circle at 100% 0, #f2c14e40, transparent 55%), linear-gradient(135deg, #0a3d33, #0f5f50);
  border-top: 4px solid var(--gold);
}
.pass-head { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; margin-bottom: .5rem; }
.pass-head h2 { margin: 0 auto 0 0; font-size: 1.375rem; }
.is-over .pass { background: #3d4541; border-top-color: #8b948f; }

.facts { display: grid; gap: .625rem 1.5rem; margin: .75rem 0 0; }
.facts dt { font-size: .875rem; color: var(--quiet); }
.facts dd { margin: 0; }
.pass .facts dt { color: #d5e6e0; }
.pass .facts dd { font-weight: 600; }
.cards { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); padding: 0; margin: 0; list-style: none; }
.card article { display: flex; flex-direction: column; height: 100%; }
.card .facts { margin-bottom: auto; }
.card-head { display: flex; flex-wrap: wrap; align-items: flex-start; gap: .75rem; margin-bottom: .75rem; }
.card-head > div { flex: 1 1 8rem; }
.card-head h1, .card-head h3, .card-head p { margin: 0; }
.panel .card-head { align-items: center; flex-wrap: nowrap; }
.is-ended, .is-not-chosen { background: transparent; box-shadow: none; }
.monogram {
  display: inline-grid; place-items: center; width: 2.75rem; height: 2.75rem; flex: none; border-radius: .875rem;
  color: #ffffff; font-weight: 700; font-size: 1.125rem;
}
.hue-0 { background: #9c2f5a; } .hue-1 { background: #7a3db8; } .hue-2 { background: #2f5fc4; } .hue-3 { background: #0b6580; }
.hue-4 { background: #0f6e4f; } .hue-5 { background: #566509; } .hue-6 { background: #9a4b0a; } .hue-7 { background: #a5342a; }
.badge {
  padding: .125rem .75rem; border-radius: 999px; font-size: .875rem; font-weight: 600; white-space: nowrap;
  background: var(--grey); color: var(--on-grey);
}
.badge-on-pass { background: #ffffff; color: #0a3d33; }
.badge-active { background: var(--green); color: var(--on-green); }
.badge-ending, .badge-waiting { background: var(--amber); color: var(--on-amber); }
.badge-to-link { background: var(--blue); color: var(--on-blue); }
.badge-to-choose { background: var(--violet); color: var(--on-violet); }
.badge-broken, .badge-failed { background: var(--red); color: var(--on-red); }
progress { display: block; width: 100%; height: .625rem; margin-top: .25rem; accent-color: var(--brand); }

.choice { max-width: none; scroll-margin-top: 1rem; border: 2px solid var(--brand); }
fieldset { border: 0; padding: 0; margin: 0; min-width: 0; }
legend { padding: 0; margin-bottom: .25rem; font-size: 1.125rem; font-weight: 700; }
.option {
  display: flex; align-items: center; gap: .75rem; min-height: 3rem; padding: .5rem .875rem; margin-top: .5rem;
  border: 1px solid var(--edge); border-radius: .75rem; cursor: pointer;
}
.option:has(:checked) { border-color: var(--brand); outline: 1px solid var(--brand); }
.option input { width: 1.375rem; height: 1.375rem; margin: 0; flex: none; accent-color: var(--brand); }
code { font-family: ui-monospace, monospace; font-size: .9375em; }

@media (min-width: 40rem) {
  main { padding-top: 2.5rem; }
  .steps { grid-template-columns: repeat(3, 1fr); }
  .pass { padding: 2rem; }
  .pass .facts { grid-template-columns: repeat(3, auto); justify-content: start; gap: .25rem 3rem; }
  .panel { padding: 2rem; }
}
@media (forced-colors: active) { .badge, .card, .pass, .panel, .monogram { border: 1px solid; } }
@media print { header, footer, .actions { display: none; } }
`

const hash = createHash('sha256').update(stylesheet).digest('hex').slice(0, 12)
/** Changes with its content, so that browsers may keep it for good. */
export const styleAddress = `/portal.css?v=${hash}`
