import { expect, test } from 'vitest'
import { RedirectUri } from '../../schemas/partner.ts'

test.each([
  'https://app.youku.example/linked',
  'https://app.youku.example:8443/linked?from=tessera',
  'https://192.0.2.1/linked',
  'https://[2001:db8::1]/linked',
  'https://xn--kprw13d.example/linked',
  'http://localhost:9000/linked',
  'http://[::1]/linked',
  'com.youku.tv:/linked',
])('%s can be an address that a partner’s members go back to', address => {
  expect(RedirectUri.safeParse(address).success).toBe(true)
})

test.each([
  'https://*/linked',
  'https://*.youku.example/linked',
  'https://youku.example;/linked',
  'https://youku.example;script-src/linked',
  'https://youku.example,evil.example/linked',
  "https://'self'/linked",
  'https://you_ku.example/linked',
  'https://user@youku.example/linked',
  'https://youku.example/linked#here',
  'http://youku.example/linked',
  'javascript:alert(1)',
])('%s cannot', address => {
  expect(RedirectUri.safeParse(address).success).toBe(false)
})
