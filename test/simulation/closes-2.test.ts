import { simulateCloses } from './simulate-close.ts'

simulateCloses({ part: 2, of: 2 })
