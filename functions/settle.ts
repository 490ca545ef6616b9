import { readConfig } from '../schemas/config.ts'
import { connect } from './connect.ts'
import { type StreamEvent, settleClosings } from './consume.ts'

const services = connect(readConfig(process.env))
export const handler = (event: StreamEvent) => settleClosings(services, event)
