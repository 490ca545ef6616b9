import { readConfig } from '../schemas/config.ts'
import { connect } from './connect.ts'
import { type StreamEvent, settleChanges } from './consume.ts'

const services = connect(readConfig(process.env))
export const handler = (event: StreamEvent) => settleChanges(services, event)
