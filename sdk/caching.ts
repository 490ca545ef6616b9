const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,256}"$/

/** The entity tag of an answer (RFC 9110 section 8.8.3), when it is one that can be sent back as it came. */
export function etagOf(headers: Headers): string | undefined {
  const etag = headers.get('etag')
  return etag !== null && ETAG.test(etag) ? etag : undefined
}

/** Seconds that an answer has already spent in caches on its way (RFC 9111 section 5.1). */
export function ageSeconds(headers: Headers): number {
  return Number(/^[0-9]{1,9}$/.exec(headers.get('age') ?? '')?.[0] ?? 0)
}

/** How long an answer counts as fresh (RFC 9111 section 4.2), between `floor` and `ceiling` seconds. */
export function freshSeconds(headers: Headers, floor: number, ceiling: number): number {
  const control = headers.get('cache-control') ?? ''
  const unkept = /(?:^|[\s,])no-(?:store|cache)(?:$|[\s,;=])/i.test(control)
  const stated = /(?:^|[\s,])max-age="?([0-9]{1,9})(?![0-9])/i.exec(control)?.[1]
  const wished = unkept ? 0 : stated === undefined ? ceiling : Number(stated) - ageSeconds(headers)
  return Math.min(Math.max(wished, floor), ceiling)
}
