/** The Lambda that answers: the token path and the authorization server start and scale on their own. */
export type Entry = 'api' | 'token' | 'authorize'
export type Route = { method: 'GET' | 'POST' | 'PUT' | 'DELETE'; path: `/${string}`; entry: Entry }

/**
 * Every outside route (paths as in OpenAPI), for CDK and the gateway alike; a test compares it with what the gateway
 * has. What only `npm start` adds, such as the test clock, is not here.
 */
export const routes: readonly Route[] = [
  { method: 'GET', path: '/.well-known/jwks.json', entry: 'token' },
  { method: 'POST', path: '/v1/entitlement-tokens', entry: 'token' },
  { method: 'GET', path: '/status-lists/{partner}/{n}', entry: 'token' },
  { method: 'GET', path: '/.well-known/authzen-configuration', entry: 'token' },
  { method: 'POST', path: '/access/v1/evaluation', entry: 'token' },
  { method: 'POST', path: '/access/v1/evaluations', entry: 'token' },

  { method: 'GET', path: '/.well-known/oauth-authorization-server', entry: 'authorize' },
  { method: 'POST', path: '/oauth/token', entry: 'authorize' },
  { method: 'GET', path: '/oauth/authorize', entry: 'authorize' },
  { method: 'GET', path: '/oauth/authorize/{uid}', entry: 'authorize' },
  { method: 'POST', path: '/oauth/par', entry: 'authorize' },
  { method: 'POST', path: '/oauth/device-authorization', entry: 'authorize' },
  { method: 'POST', path: '/oauth/revoke', entry: 'authorize' },
  { method: 'GET', path: '/oauth/interaction/{uid}', entry: 'authorize' },
  { method: 'POST', path: '/oauth/interaction/{uid}', entry: 'authorize' },
  { method: 'GET', path: '/device', entry: 'authorize' },
  { method: 'POST', path: '/device', entry: 'authorize' },

  { method: 'GET', path: '/health', entry: 'api' },
  { method: 'GET', path: '/openapi.json', entry: 'api' },
  { method: 'GET', path: '/docs', entry: 'api' },
  { method: 'GET', path: '/docs.css', entry: 'api' },

  { method: 'GET', path: '/v1/programmes/{id}', entry: 'api' },
  { method: 'PUT', path: '/v1/programmes/{id}', entry: 'api' },
  { method: 'GET', path: '/v1/partners/{id}', entry: 'api' },
  { method: 'PUT', path: '/v1/partners/{id}', entry: 'api' },
  { method: 'GET', path: '/v1/contracts/{id}', entry: 'api' },
  { method: 'PUT', path: '/v1/contracts/{id}', entry: 'api' },

  { method: 'POST', path: '/v1/keys/{purpose}/rotate', entry: 'api' },

  { method: 'POST', path: '/v1/memberships', entry: 'api' },
  { method: 'GET', path: '/v1/memberships/{id}', entry: 'api' },
  { method: 'POST', path: '/v1/memberships/{id}/renew', entry: 'api' },
  { method: 'POST', path: '/v1/memberships/{id}/cancel', entry: 'api' },
  { method: 'POST', path: '/v1/memberships/{id}/suspend', entry: 'api' },
  { method: 'POST', path: '/v1/memberships/{id}/resume', entry: 'api' },
  { method: 'POST', path: '/v1/memberships/{id}/refund', entry: 'api' },

  { method: 'GET', path: '/v1/links', entry: 'api' },
  { method: 'POST', path: '/v1/passes/redeem', entry: 'api' },
  { method: 'POST', path: '/events/{partner}', entry: 'api' },
  { method: 'POST', path: '/v1/usage-batches', entry: 'api' },
  { method: 'GET', path: '/v1/usage-batches/{id}', entry: 'api' },
  { method: 'GET', path: '/v1/usage-batches/{id}/dispositions', entry: 'api' },

  { method: 'GET', path: '/v1/usage-batches', entry: 'api' },
  { method: 'GET', path: '/v1/usage-batches/{id}/dispositions.csv', entry: 'api' },
  { method: 'GET', path: '/v1/usage-periods/{period}', entry: 'api' },
  { method: 'GET', path: '/v1/usage-periods/{period}/days', entry: 'api' },
  { method: 'GET', path: '/v1/usage-periods/{period}/days.csv', entry: 'api' },
  { method: 'GET', path: '/v1/usage-periods/{period}/dispositions', entry: 'api' },
  { method: 'GET', path: '/v1/usage-periods/{period}/dispositions.csv', entry: 'api' },

  { method: 'POST', path: '/v1/redemptions', entry: 'api' },
  { method: 'GET', path: '/v1/redemptions/{id}', entry: 'api' },
  { method: 'POST', path: '/v1/redemptions/{id}/capture', entry: 'api' },
  { method: 'POST', path: '/v1/redemptions/{id}/void', entry: 'api' },

  { method: 'GET', path: '/v1/exceptions', entry: 'api' },
  { method: 'GET', path: '/v1/exceptions/{id}', entry: 'api' },
  { method: 'GET', path: '/v1/exceptions/{id}/lines', entry: 'api' },
  { method: 'POST', path: '/v1/exceptions/{id}/assign', entry: 'api' },
  { method: 'POST', path: '/v1/exceptions/{id}/resolve', entry: 'api' },
  { method: 'POST', path: '/v1/exceptions/{id}/dispute', entry: 'api' },

  { method: 'GET', path: '/v1/programmes/{programme}/periods', entry: 'api' },
  { method: 'GET', path: '/v1/programmes/{programme}/periods/{period}', entry: 'api' },
  { method: 'POST', path: '/v1/programmes/{programme}/periods/{period}/preview', entry: 'api' },
  { method: 'POST', path: '/v1/programmes/{programme}/periods/{period}/close', entry: 'api' },
  { method: 'GET', path: '/v1/programmes/{programme}/periods/{period}/journal', entry: 'api' },
  { method: 'GET', path: '/v1/statements', entry: 'api' },
  // The id may carry a suffix that picks the form: .csv, .jwt.
  { method: 'GET', path: '/v1/statements/{id}', entry: 'api' },

  { method: 'GET', path: '/', entry: 'api' },
  { method: 'GET', path: '/portal.css', entry: 'api' },
  { method: 'GET', path: '/sign-in', entry: 'api' },
  { method: 'GET', path: '/sign-in/callback', entry: 'api' },
  { method: 'POST', path: '/sign-out', entry: 'api' },
  { method: 'GET', path: '/link/{partner}', entry: 'api' },
  { method: 'POST', path: '/link/{partner}', entry: 'api' },
  { method: 'GET', path: '/link/{partner}/callback', entry: 'api' },
  { method: 'GET', path: '/link/{partner}/done', entry: 'api' },
  { method: 'GET', path: '/unlink/{partner}', entry: 'api' },
  { method: 'POST', path: '/unlink/{partner}', entry: 'api' },
  { method: 'GET', path: '/choose/{group}', entry: 'api' },
  { method: 'POST', path: '/choose/{group}', entry: 'api' },
  { method: 'GET', path: '/activity', entry: 'api' },
  { method: 'GET', path: '/pass', entry: 'api' },
  { method: 'GET', path: '/privacy', entry: 'api' },
  { method: 'GET', path: '/privacy/export', entry: 'api' },
  { method: 'GET', path: '/privacy/erase', entry: 'api' },
  { method: 'POST', path: '/privacy/erase', entry: 'api' },
]
