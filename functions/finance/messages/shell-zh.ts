import type { Shape } from '../../portal/language.ts'
import type { shellEn } from './shell-en.ts'

export const shellZh: Shape<typeof shellEn> = {
  name: 'Tessera 财务',
  tabs: { label: '页面', periods: '账期', exceptions: '异常' },
  footer: '金额精确到最小货币单位。已发布的内容不会再变。',
  programme: '会员计划',
  period: '月份',
  state: '状态',
  states: {
    open: '未结账',
    cutoff: '已截止',
    reconciled: '已对账',
    rated: '已计价',
    posted: '已记账',
    netted: '已轧差',
    signed: '已签名',
    published: '已结账',
  },
  breadcrumb: '当前位置',
  download: '下载',
  downloadOf: what => `：${what}`,
  closing: '本月正在结账：此处显示的就是结账将发布的内容。',
  nothing: '无',
  home: '全部账期',
  back: '返回原页面',
  provisional: '暂计：本月尚未结账，数字会随合作方上报而变化。',
}
