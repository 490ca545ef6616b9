import { readConfig } from '../schemas/config.ts'
import { connect } from './connect.ts'
import { closeTasks } from './consume-close.ts'

export const handler = closeTasks(connect(readConfig(process.env)))
