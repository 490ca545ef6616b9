import { simulate } from './simulate.ts'

simulate({ part: 2, of: 2 })
