import { createHash } from 'node:crypto'

/**
 * The reference's stylesheet, in the portal's colours. Text keeps 4.5:1 and controls 3:1 in both schemes (WCAG 2.2 AA),
 * and nothing scrolls sideways at 320 px.
 */
export const stylesheet = `
:root {
  color-scheme: light dark;
  --page: #f6f4ef; --panel: #ffffff; --ink: #1d2421; --quiet: #56605b; --line: #d9d5ca; --edge: #7d857f;
  --brand: #0f5c4d; --on-brand: #ffffff; --link: #0c5a4a; --gold: #f2c14e; --code: #efede6;
  --green: #d7f2e3; --on-green: #0b4f30; --amber: #fdebc8; --on-amber: #6b3f00; --blue: #dbe9ff; --on-blue: #143f85;
  --red: #ffe0de; --on-red: #8a1310; --grey: #e8e8e4; --on-grey: #3c423e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101513; --panel: #1a211e; --ink: #eef2ef; --quiet: #aab5af; --line: #323c37; --edge: #7f8c85;
    --brand: #82d9c2; --on-brand: #06231c; --link: #8fe0ca; --code: #232c28;
    --green: #123f2b; --on-green: #b5efce; --amber: #47300a; --on-amber: #fbdc9f; --blue: #16325e; --on-blue: #c9ddff;
    --red: #541614; --on-red: #ffd0cc; --grey: #2d3531; --on-grey: #d3dad6;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere;
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", "PingFang SC", "Noto Sans SC", "Microsoft YaHei", sans-serif;
}
.bar, .frame { max-width: 80rem; margin: 0 auto; padding: 0 1rem; }
main { min-width: 0; padding: 1.5rem 0 4rem; }
main:focus { outline: none; }
h1, h2, h3, h4 { line-height: 1.3; margin: 0 0 .5rem; text-wrap: balance; }
h1 { font-size: clamp(1.75rem, 6vw, 2.5rem); letter-spacing: -.015em; }
h2 { font-size: 1.5rem; margin-top: 3rem; padding-top: 1.25rem; border-top: 3px solid var(--gold); }
h3 { font-size: 1.125rem; margin-top: 1.5rem; }
h4 { font-size: .9375rem; margin: 1.5rem 0 .5rem; color: var(--quiet); }
h1, h2, h3 { scroll-margin-top: 1rem; }
p { margin: 0 0 .75rem; max-width: 46rem; }
a { color: var(--link); text-underline-offset: .2em; }
.lead { font-size: 1.0625rem; }
.fine { color: var(--quiet); font-weight: 400; font-size: .9375rem; }
:focus-visible { outline: 3px solid var(--brand); outline-offset: 2px; border-radius: .25rem; }
.skip { position: absolute; left: 1rem; top: -5rem; padding: .75rem 1rem; background: var(--panel); z-index: 1; }
.skip:focus { top: .5rem; }

header { background: var(--panel); border-bottom: 1px solid var(--line); }
.bar { display: flex; align-items: center; min-height: 3.75rem; }
.wordmark {
  display: inline-flex; align-items: center; gap: .5rem; min-height: 2.75rem; color: var(--ink);
  font-weight: 700; font-size: 1.125rem; text-decoration: none;
}
.mark { width: 1.75rem; height: 1.75rem; flex: none; }
.half-a { fill: var(--brand); }
.half-b { fill: var(--gold); }

code, pre { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; font-size: .875rem; }
code { padding: .0625rem .3125rem; border-radius: .25rem; background: var(--code); }
h3 code, th code, pre code { padding: 0; background: none; }
pre {
  margin: 0; padding: .875rem 1rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--code);
  white-space: pre-wrap; line-height: 1.5; -moz-tab-size: 2; tab-size: 2;
}

nav p { margin: 1.25rem 0 .25rem; font-weight: 700; font-size: .9375rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .3125rem .5rem; border-radius: .5rem; color: var(--ink); text-decoration: none; }
nav a:hover { background: var(--grey); text-decoration: underline; }
nav li a { font-size: .875rem; line-height: 1.4; }
nav summary { padding: .3125rem .5rem; font-size: .875rem; }
.to-operation { display: grid; grid-template-columns: 2.75rem 1fr; gap: .5rem; align-items: baseline; }
.to-operation .method { padding: 0; min-width: 0; font-size: .6875rem; text-align: center; }
summary { cursor: pointer; border-radius: .5rem; }
.menu { margin-top: 1rem; border: 1px solid var(--edge); border-radius: .75rem; background: var(--panel); }
.menu > summary { min-height: 2.75rem; padding: .5rem 1rem; font-weight: 700; }
.menu nav { padding: 0 .5rem 1rem; }
.menu nav a, .menu nav summary { min-height: 2.75rem; padding-block: .625rem; }
.menu nav p { margin-top: .5rem; }
.side { display: none; }

.method, .status, .required, .optional {
  display: inline-block; border-radius: 999px; font: 600 .75rem/1.5 system-ui, sans-serif; white-space: nowrap;
}
.method { min-width: 3.5rem; padding: .125rem .625rem; text-align: center; letter-spacing: .02em; background: var(--grey); color: var(--on-grey); }
.get, .good { background: var(--green); color: var(--on-green); }
.post { background: var(--blue); color: var(--on-blue); }
.put, .patch { background: var(--amber); color: var(--on-amber); }
.delete, .bad { background: var(--red); color: var(--on-red); }
.status, .required, .optional { padding: .0625rem .5rem; }
.required { background: var(--amber); color: var(--on-amber); }
.optional { background: var(--grey); color: var(--on-grey); }
.scope { background: var(--grey); color: var(--on-grey); }
.scopes { color: var(--quiet); font-size: .9375rem; }

.operation, .schema {
  margin: 1.25rem 0; padding: 1.25rem 1rem; border: 1px solid var(--line); border-radius: 1rem; background: var(--panel);
}
.operation h3, .schema h3 { margin-top: 0; }
.operation h3 a { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; font-weight: 600; }
.operation h3 a, .schema h3 a { color: var(--ink); text-decoration: none; }
.operation h3 a:hover, .schema h3 a:hover { text-decoration: underline; }
.operation:has(h3:target), .schema:has(h3:target) { border-color: var(--brand); outline: 1px solid var(--brand); }
.operation p:last-child, .schema p:last-child { margin-bottom: 0; }

table { width: 100%; table-layout: fixed; border-collapse: collapse; margin: 0 0 1rem; font-size: .9375rem; }
caption { padding: .5rem 0; text-align: left; font-weight: 600; }
caption:has(.unseen) { padding: 0; position: relative; }
th, td { padding: .625rem .5rem .625rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { padding-block: .375rem; border-top: 0; color: var(--quiet); font-size: .8125rem; font-weight: 600; }
th:first-child { width: 42%; padding-right: .75rem; }
tbody th { font-weight: 600; }
.parent { color: var(--quiet); font-weight: 400; }
tbody th code { margin-right: .5rem; }
.unseen { position: absolute; width: 1px; height: 1px; padding: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.type { color: var(--quiet); font-size: .875rem; }
.note, .summary .note { margin: .125rem 0 0; font-size: .875rem; }
.summary { margin-bottom: .75rem; }
.summary:last-child { margin-bottom: 0; }
.media { margin: .25rem 0 .5rem; font-size: .9375rem; }
.answers { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: .5rem .75rem; margin: 0; }
.answers dd { margin: 0; }
.codes { margin: 1rem 0; padding: .25rem 1rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--panel); }
.codes summary { min-height: 2.75rem; padding: .5rem 0; font-weight: 600; }

@media (min-width: 40rem) {
  .operation, .schema { padding: 1.5rem; }
  th:first-child { width: 36%; }
}
@media (min-width: 60rem) {
  .frame { display: grid; grid-template-columns: 19rem minmax(0, 1fr); gap: 2.5rem; }
  .menu { display: none; }
  .side {
    display: block; position: sticky; top: 0; max-height: 100vh; overflow-y: auto; padding: 1.5rem .5rem 2rem 0;
    border-right: 1px solid var(--line);
  }
  main { padding-top: 2.5rem; }
}
@media (forced-colors: active) { .method, .status, .required, .optional, .operation, .schema { border: 1px solid; } }
@media print { .menu, .side, header { display: none; } .frame { display: block; } }
`

const hash = createHash('sha256').update(stylesheet).digest('hex').slice(0, 12)
/** Changes with its content, so that browsers may keep it for good. */
export const styleAddress = `/docs.css?v=${hash}`
