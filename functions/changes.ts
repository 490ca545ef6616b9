import { readConfig } from '../schemas/config.ts'
import { connect } from './connect.ts'
import { consumeChanges, type StreamEvent } from './consume.ts'

const services = connect(readConfig(process.env))
export const handler = (event: StreamEvent) => consumeChanges(services, event)
