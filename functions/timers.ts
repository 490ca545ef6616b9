import { readConfig } from '../schemas/config.ts'
import { connect } from './connect.ts'
import { fireTimers } from './consume.ts'

const services = connect(readConfig(process.env))
export const handler = () => fireTimers(services)
