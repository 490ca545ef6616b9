import { type App, router } from '../kernel/validate.ts'
import { type Needs, pages } from '../portal/pages.tsx'
import { askClose, startClose } from './close.tsx'
import { assignOne, resolveOne } from './decide.tsx'
import { type Desk, forFinance, forStaff, type StaffPage } from './desk.ts'
import { downloadExceptions, showException, showExceptionLines, showExceptions } from './exceptions.tsx'
import { downloadMonthTable, showMonth } from './month.tsx'
import { confirmPaid, downloadNetting, showNetting } from './netting.tsx'
import { showOverview } from './overview.tsx'
import { showPreview } from './preview.tsx'
import { downloadLine, showLine, showStatement } from './statement.tsx'

/** The pages for staff: what a month costs and why, who owes whom, and what waits for a decision. */
export function financeRoutes(services: Needs, desk: Desk): App {
  const { member, form, limit } = pages(services)
  const shown = (page: StaffPage) => member(forStaff(desk, page))
  const sent = (page: StaffPage) => form(forStaff(desk, page))
  const month = '/finance/periods/:programme/:period'
  const app = router()
  app.get('/finance', shown(showOverview))
  app.get(month, shown(showMonth))
  app.get(`${month}/tables/:file`, shown(downloadMonthTable))
  app.get(`${month}/preview`, shown(showPreview))
  app.get(`${month}/close`, shown(askClose))
  app.post(`${month}/close`, limit, sent(forFinance(startClose)))
  app.get(`${month}/netting`, shown(showNetting))
  app.get(`${month}/netting/:file`, shown(downloadNetting))
  app.post(`${month}/payments/:id/confirm`, limit, sent(forFinance(confirmPaid)))
  app.get('/finance/statements/:id', shown(showStatement))
  app.get('/finance/statements/:id/lines/:line', shown(showLine))
  app.get('/finance/statements/:id/lines/:line/:file', shown(downloadLine))
  app.get('/finance/exceptions', shown(showExceptions))
  app.get('/finance/exceptions.csv', shown(downloadExceptions))
  app.get('/finance/exceptions.xlsx', shown(downloadExceptions))
  app.get('/finance/exceptions/:id', shown(showException))
  app.get('/finance/exceptions/:id/lines', shown(showExceptionLines))
  app.post('/finance/exceptions/:id/assign', limit, sent(assignOne))
  app.post('/finance/exceptions/:id/resolve', limit, sent(forFinance(resolveOne)))
  return app
}
