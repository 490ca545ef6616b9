export type Document = () => string | Response

/** What an issuer publishes, by address. Its own addresses are kept by path, as `listen` may still change the issuer. */
export interface Documents {
  /** Text is a status list; anything else says so as a response. */
  publish(url: string, document: Document): void
  /** 404 where nothing is published. */
  answer(url: string): Response
}

export function createDocuments(base: () => string): Documents {
  const documents = new Map<string, Document>()
  const placeOf = (url: string) => (url.startsWith(`${base()}/`) ? url.slice(base().length) : url)
  return {
    publish: (url, document) => void documents.set(placeOf(url), document),
    answer(url) {
      const given = documents.get(placeOf(url))?.()
      if (given === undefined) return new Response('Nothing is published here\n', { status: 404 })
      return typeof given === 'string' ? textDocument(given, 'application/statuslist+jwt') : given
    },
  }
}

export const textDocument = (body: string, type = 'text/plain; charset=utf-8'): Response =>
  new Response(body, { headers: { 'content-type': type } })

export const jsonDocument = (value: unknown, headers: Readonly<Record<string, string>> = {}): Response =>
  new Response(`${JSON.stringify(value, null, 2)}\n`, { headers: { 'content-type': 'application/json', ...headers } })
