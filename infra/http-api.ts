import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import {
  HttpApi,
  HttpMethod,
  HttpRoute,
  HttpRouteKey,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { type Entry, routes } from '../schemas/routes.ts'
import type { Functions } from './lambdas.ts'

/** Exactly the routes of the gateway. No CORS: neither partners nor the portal call from another site's script. */
export function httpApi(scope: Construct, functions: Pick<Functions, Entry>): HttpApi {
  const api = new HttpApi(scope, 'HttpApi', { createDefaultStage: false })
  const integrations = {
    api: integration('api', functions),
    token: integration('token', functions),
    authorize: integration('authorize', functions),
  } satisfies Record<Entry, HttpLambdaIntegration>
  for (const { method, path, entry } of routes)
    api.addRoutes({ path, methods: [HttpMethod[method]], integration: integrations[entry] })
  // API Gateway answers what it does not know in a form of its own; here unknown routes and methods are problems too.
  // It needs a permission of its own: its address has no method and path, so that of the other routes does not fit.
  const unknown = new HttpLambdaIntegration('unknown', functions.api)
  new HttpRoute(scope, 'UnknownRoute', { httpApi: api, routeKey: HttpRouteKey.DEFAULT, integration: unknown })

  const accessLog = new LogGroup(scope, 'AccessLog', { retention: RetentionDays.THREE_MONTHS })
  new HttpStage(scope, 'Stage', {
    httpApi: api,
    stageName: '$default',
    autoDeploy: true,
    throttle: { rateLimit: 1000, burstLimit: 2000 },
    accessLogSettings: { destination: new LogGroupLogDestination(accessLog), format: AccessLogFormat.custom(logLine) },
  })
  return api
}

// One permission for each Lambda instead of one a route: a Lambda's policy holds 20 KB.
const integration = (name: Entry, functions: Pick<Functions, Entry>) =>
  new HttpLambdaIntegration(name, functions[name], { scopePermissionToRoute: false })

/** Addresses, paths and queries tell who somebody is, so the log has the route and not the path. */
const logLine = JSON.stringify({
  time: '$context.requestTimeEpoch',
  requestId: '$context.requestId',
  route: '$context.routeKey',
  status: '$context.status',
  milliseconds: '$context.responseLatency',
  bytes: '$context.responseLength',
  integrationError: '$context.integrationErrorMessage',
})
