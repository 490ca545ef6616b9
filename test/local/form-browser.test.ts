import { expect, test } from 'vitest'
import { FormBrowser } from '../../functions/local/form-browser.ts'
import { parseHtml } from '../../functions/local/html-forms.ts'

/** A fetch that answers from a table and notes what it was asked. */
function site(answers: Record<string, () => Response>) {
  const seen: { url: string; method: string; cookie: string | null; body: string }[] = []
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    const asked = new Request(input, init)
    const { url, method, headers } = asked
    seen.push({ url, method, cookie: headers.get('cookie'), body: await asked.text() })
    return answers[url]?.() ?? new Response('none', { status: 404 })
  }
  return { fetch, seen }
}

const html = (body: string, ...cookies: string[]) =>
  new Response(body, {
    headers: [['content-type', 'text/html'], ...cookies.map(c => ['set-cookie', c] as [string, string])],
  })
const redirect = (location: string, status = 302) => new Response(null, { status, headers: { location } })

test('cookies ignore the port, keep to their path, and expire', async () => {
  let now = 0
  const { fetch } = site({
    'http://localhost:1/a/b': () =>
      html('', 'everywhere=1; Path=/', 'here=2', 'short=3; Path=/; Max-Age=5', 'alien=4; Domain=example.com; Path=/'),
    'http://localhost:1/out': () => html('', 'everywhere=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT'),
  })
  const browser = new FormBrowser({ fetch, nowMs: () => now })
  await browser.get('http://localhost:1/a/b')
  const names = (url: string) => [...browser.cookiesFor(url).keys()].toSorted()
  expect(names('http://localhost:2/a/x')).toEqual(['everywhere', 'here', 'short'])
  expect(names('http://localhost:2/ab')).toEqual(['everywhere', 'short'])
  expect(names('http://127.0.0.1:1/a/')).toEqual([])
  expect(names('http://example.com/')).toEqual([])
  now = 5_000
  expect(names('http://localhost:1/')).toEqual(['everywhere'])
  await browser.get('http://localhost:1/out')
  expect(names('http://localhost:1/')).toEqual([])
})

test('a posted form follows 303 as GET and 307 as POST, and endless redirects are an error', async () => {
  const form = (action: string) => () => html(`<form method=post action="${action}"><input name=a value=1></form>`)
  const { fetch, seen } = site({
    'http://h/see': form('/303'),
    'http://h/keep': form('/307'),
    'http://h/303': () => redirect('/end', 303),
    'http://h/307': () => redirect('/end', 307),
    'http://h/loop': () => redirect('/loop'),
  })
  const browser = new FormBrowser({ fetch })
  for (const path of ['see', 'keep']) {
    const page = await browser.get(`http://h/${path}`)
    const [only] = page.forms
    if (!only) throw new Error('no form')
    expect((await browser.submit(page, only, { a: '2' })).url.href).toBe('http://h/end')
    expect(() => browser.submit(page, only, { typo: '2' })).toThrow('no field typo')
    expect(() => browser.submit(page, only, {}, 'Nope')).toThrow('no button Nope')
  }
  const ends = seen.filter(({ url }) => url === 'http://h/end').map(({ method, body }) => [method, body])
  expect(ends).toEqual([
    ['GET', ''],
    ['POST', 'a=2'],
  ])
  await expect(browser.get('http://h/loop')).rejects.toThrow('more than 20 redirects')
})

test('forms are read with their controls, also those outside; comments and scripts are not', () => {
  const { forms, links } = parseHtml(
    `<!-- <form id="no"></form> --><script>"<form>"</script>
     <button form="f" name="go" value="2">Go&nbsp;<b>on</b></button>
     <form id="f" action="?x=1&amp;y=2" method="POST">
       <input type="hidden" name="t" value="a &gt; &quot;b&quot; &#20320;"><input name='q' value='>'>
       <input type=checkbox name=off><input type=checkbox name=on checked>
       <input type=radio name=r value=1><input type=radio name=r value=2 checked><input type=radio name=r value=3>
       <input name=dead value=1 disabled><textarea name=n>x &lt; y</textarea>
       <select name=s><option value=1>One</option><option selected>Two</option></select>
       <input type=submit value=Send formaction=/other>
     </form><a href="../up">Up <i>there</i></a>`,
    new URL('http://h/d/p'),
  )
  const [form] = forms
  expect(forms).toHaveLength(1)
  expect(form?.action.href).toBe('http://h/d/p?x=1&y=2')
  expect(Object.fromEntries(form?.controls ?? [])).toEqual({
    t: 'a > "b" 你',
    q: '>',
    off: undefined,
    on: 'on',
    r: '2',
    n: 'x < y',
    s: 'Two',
  })
  expect(form?.buttons).toEqual([
    { name: '', value: 'Send', text: 'Send', action: '/other' },
    { name: 'go', value: '2', text: 'Go on' },
  ])
  expect(links.map(({ href, text }) => [href.href, text])).toEqual([['http://h/up', 'Up there']])
})
