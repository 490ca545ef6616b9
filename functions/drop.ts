import { readConfig } from '../schemas/config.ts'
import { connect } from './connect.ts'
import { dropConsumer } from './consume-drops.ts'

export const handler = dropConsumer(connect(readConfig(process.env)))
