import { handle } from 'hono/aws-lambda'
import { readConfig } from '../schemas/config.ts'
import { connect } from './connect.ts'
import { gateway } from './gateway.ts'
import { tokenPart } from './gateway-token.ts'

export const handler = handle(gateway(connect(readConfig(process.env)), { token: tokenPart }))
