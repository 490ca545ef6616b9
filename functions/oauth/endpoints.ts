/** Where the authorization server answers; `authorize` is also where an interaction goes on, with its uid behind. */
export const endpoints = {
  authorize: '/oauth/authorize',
  token: '/oauth/token',
  par: '/oauth/par',
  deviceAuthorization: '/oauth/device-authorization',
  revoke: '/oauth/revoke',
  /** Pages of ours: what a partner asks, by uid, and where a device's code is typed. */
  interaction: '/oauth/interaction',
  device: '/device',
} as const

/** Routes whose clients authenticate themselves in their own way (RFC 6749 section 2.3): not with access tokens. */
export const backChannel: readonly string[] = [
  endpoints.token,
  endpoints.par,
  endpoints.deviceAuthorization,
  endpoints.revoke,
]
