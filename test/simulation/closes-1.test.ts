import { simulateCloses } from './simulate-close.ts'

simulateCloses({ part: 1, of: 2 })
