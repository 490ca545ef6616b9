export { partnerRegistration } from './find-partner.ts'
