import { simulate } from './simulate.ts'

simulate({ part: 1, of: 2 })
