import type { Money } from '../../schemas/money.ts'
import type { Bilingual } from './accounts.ts'

/** Words of the demo partners' own pages, in both languages. */

export type Category = 'video' | 'music' | 'food' | 'travel'

export interface Offer {
  readonly category: Category
  readonly slogan: Bilingual
  /** What stands on the card, locked or not. */
  readonly item: Bilingual
  readonly locked: Bilingual
  readonly unlocked: Bilingual
  readonly use: Bilingual
  /** Shown after a use. */
  readonly used: Bilingual
  /** Gross value of one use; absent where a use has no price. */
  readonly price?: Money
}

const offers: Readonly<Record<Category, Offer>> = {
  video: {
    category: 'video',
    slogan: { 'zh-CN': '今晚看什么？', en: 'What is on tonight?' },
    item: { 'zh-CN': '《长安夜航》· 首播', en: 'Night Voyage to Chang’an · premiere' },
    locked: { 'zh-CN': '会员专享影片', en: 'Members’ film' },
    unlocked: { 'zh-CN': 'VIP 已解锁', en: 'VIP unlocked' },
    use: { 'zh-CN': '立即观看', en: 'Watch now' },
    used: { 'zh-CN': '影片已开始播放', en: 'The film is playing' },
  },
  music: {
    category: 'music',
    slogan: { 'zh-CN': '好音乐，不间断', en: 'Music without a break' },
    item: { 'zh-CN': '《雨后的虾塘》· 无损音质', en: 'Pond After Rain · lossless' },
    locked: { 'zh-CN': '会员专享专辑', en: 'Members’ album' },
    unlocked: { 'zh-CN': 'VIP 已解锁', en: 'VIP unlocked' },
    use: { 'zh-CN': '播放专辑', en: 'Play the album' },
    used: { 'zh-CN': '专辑已开始播放', en: 'The album is playing' },
  },
  food: {
    category: 'food',
    slogan: { 'zh-CN': '饿了？半小时送到', en: 'Hungry? Half an hour and it is there' },
    item: { 'zh-CN': '满 42 元可用的红包', en: 'Coupons for an order of ¥42' },
    locked: { 'zh-CN': '会员红包', en: 'Members’ coupons' },
    unlocked: { 'zh-CN': '红包已到账', en: 'Coupons ready' },
    use: { 'zh-CN': '下单并使用一张红包', en: 'Order and use a coupon' },
    used: { 'zh-CN': '订单已提交，红包已使用', en: 'Ordered, with one coupon' },
    price: { amountMinor: 4200, currency: 'CNY' },
  },
  travel: {
    category: 'travel',
    slogan: { 'zh-CN': '下一站，去哪儿？', en: 'Where to next?' },
    item: { 'zh-CN': '杭州 → 大理 · 优先登机与贵宾厅', en: 'Hangzhou → Dali · priority boarding and lounge' },
    locked: { 'zh-CN': '金卡专享行程', en: 'A trip for gold members' },
    unlocked: { 'zh-CN': '金卡权益已生效', en: 'Gold unlocked' },
    use: { 'zh-CN': '按金卡价预订', en: 'Book at the gold rate' },
    used: { 'zh-CN': '行程已预订', en: 'The trip is booked' },
    price: { amountMinor: 128_000, currency: 'CNY' },
  },
}

const categories: Readonly<Record<string, Category>> = {
  youku: 'video',
  xiami: 'music',
  eleme: 'food',
  fliggy: 'travel',
}

/** What a demo partner offers; a partner that is none of the four is taken for a video platform. */
export const offerOf = (partner: string): Offer => offers[categories[partner] ?? 'video']

export const benefitNames: Readonly<Record<string, Bilingual>> = {
  'youku-vip': { 'zh-CN': '优酷 VIP', en: 'Youku VIP' },
  'xiami-vip': { 'zh-CN': '虾米音乐 VIP', en: 'Xiami Music VIP' },
  'eleme-5off': { 'zh-CN': '饿了么红包', en: 'Ele.me coupons' },
  'fliggy-gold': { 'zh-CN': '飞猪金卡', en: 'Fliggy Gold' },
}

const zh = {
  skip: '跳到正文',
  usage: '已上报用量',
  signIn: '登录',
  signOut: '退出登录',
  signedInAs: '当前账号',
  demo: '这是 Tessera 演示平台，内容均为虚构。',
  lockedNow: '未解锁',
  signedOutText: '登录后即可查看您的会员权益是否已在此解锁。',
  notLinkedTitle: '这个账号还没有关联会员',
  notLinkedText: '如果您持有合作会员，请先在会员门户中同意关联，关联后权益会自动在这里解锁。',
  linkHere: '去关联会员',
  refusedByGateway: '已关联，但目前没有可用的权益',
  nothingEntitled: '会员可能已暂停、已到期，或还没有选择这项权益。请到会员门户查看。',
  refusedToken: '权益凭证未通过验证',
  refusedTokenText: '收到的凭证不可信，因此没有解锁。请稍后重试；如果仍然如此，请把下面的代码告诉客服。',
  otherReason: '会员门户没有给出权益凭证。',
  portal: '前往会员门户',
  code: '原因代码',
  state: '状态',
  active: '有效',
  ending: '即将结束，不再续期',
  validUntil: '有效期至',
  remaining: '本期剩余',
  left: (count: number) => `还剩 ${count} 次`,
  noneLeft: '本期次数已用完。新的一期开始后即可再次使用。',
  why: '为什么已解锁？',
  whyText: '本平台刚刚取得一份签名凭证，并用公开密钥和状态列表验证通过。凭证内容如下：',
  claims: {
    issuer: '签发方',
    audience: '受众',
    subject: '成员化名',
    link: '关联',
    sequence: '变更序号',
    tokenId: '凭证编号',
    issuedAt: '签发时间',
    expiresAt: '失效时间',
    entitlement: '权益编号',
    limits: '限制',
  },
  receiptTitle: '用量已上报，回执签名验证通过',
  batch: '批次',
  sequence: '序号',
  usageTitle: '本次运行已上报的用量',
  usageText: '最新的在前，最多 20 条。结果在结算前为暂定。',
  usageEmpty: '还没有上报任何用量。使用一次权益后，会显示在这里。',
  when: '时间',
  benefit: '权益',
  amount: '金额',
  result: '对账结果',
  unknown: '暂时无法查询',
  tryAgain: '重试',
  backHome: '返回首页',
}

type Texts = typeof zh

const en: Texts = {
  skip: 'Skip to the content',
  usage: 'Reported usage',
  signIn: 'Sign in',
  signOut: 'Sign out',
  signedInAs: 'Signed in as',
  demo: 'A demo platform of Tessera; everything on it is made up.',
  lockedNow: 'Locked',
  signedOutText: 'Sign in to see whether your membership unlocks this here.',
  notLinkedTitle: 'No membership is linked to this account',
  notLinkedText:
    'If you hold a partner membership, agree to the link in its portal first. The benefit then unlocks here.',
  linkHere: 'Link a membership',
  refusedByGateway: 'Linked, but nothing is available now',
  nothingEntitled:
    'The membership may be suspended or over, or this benefit has not been chosen yet. The member portal tells which.',
  refusedToken: 'The entitlement token was refused',
  refusedTokenText:
    'The token that came cannot be trusted, so nothing was unlocked. Try again later; if it stays so, tell support the code below.',
  otherReason: 'The member portal gave no entitlement token.',
  portal: 'Go to the member portal',
  code: 'Reason code',
  state: 'State',
  active: 'active',
  ending: 'ending, not renewed',
  validUntil: 'Valid until',
  remaining: 'Left this period',
  left: count => `${count} left`,
  noneLeft: 'All uses of this period are spent. The next period brings new ones.',
  why: 'Why is this unlocked?',
  whyText:
    'A moment ago this platform fetched a signed token and verified it with the published keys and the status list. It says:',
  claims: {
    issuer: 'Issuer',
    audience: 'Audience',
    subject: 'Pairwise subject',
    link: 'Link',
    sequence: 'Change number',
    tokenId: 'Token id',
    issuedAt: 'Issued at',
    expiresAt: 'Expires at',
    entitlement: 'Entitlement',
    limits: 'Limits',
  },
  receiptTitle: 'The use is reported, and its signed receipt verified',
  batch: 'Batch',
  sequence: 'Sequence',
  usageTitle: 'Usage reported in this run',
  usageText: 'Newest first, at most 20. Results are provisional until the period is closed.',
  usageEmpty: 'Nothing has been reported yet. Use a benefit, and it shows here.',
  when: 'When',
  benefit: 'Benefit',
  amount: 'Amount',
  result: 'Disposition',
  unknown: 'not available now',
  tryAgain: 'Try again',
  backHome: 'Back to the home page',
}

export const texts: Readonly<Record<keyof Bilingual, Texts>> = { 'zh-CN': zh, en }

interface Advice {
  readonly title: Bilingual
  readonly text: Bilingual
}

/** What went wrong and what to do next. */
export const troubles = {
  'gateway-unreachable': {
    title: { 'zh-CN': '会员服务暂时没有回应', en: 'The membership service does not answer' },
    text: {
      'zh-CN': '没有新的凭证，我们无法解锁权益。请过一分钟再试；您的会员不受影响。',
      en: 'Without a fresh token nothing can be unlocked. Try again in a minute; your membership is not affected.',
    },
  },
  'gateway-refused': {
    title: { 'zh-CN': '会员服务没有接受请求', en: 'The membership service refused the request' },
    text: {
      'zh-CN': '请重试一次。如果仍然不行，请把下面的代码告诉客服。',
      en: 'Try once more. If it fails again, tell support the code below.',
    },
  },
  'receipt-refused': {
    title: { 'zh-CN': '用量回执未通过验证', en: 'The usage receipt was refused' },
    text: {
      'zh-CN': '这次使用可能没有被记录。请重试，同一次使用不会被重复计算。',
      en: 'The use may not have been recorded. Try again: the same use never counts twice.',
    },
  },
  'not-unlocked': {
    title: { 'zh-CN': '这项权益现在不可用', en: 'This benefit is not available now' },
    text: {
      'zh-CN': '它可能已用完、已结束或已暂停。没有上报任何用量。请回到首页查看最新状态。',
      en: 'It may be used up, over or suspended. Nothing was reported. The home page shows how it stands now.',
    },
  },
  'cross-origin-form': {
    title: { 'zh-CN': '表单来自别的网站', en: 'The form came from another site' },
    text: {
      'zh-CN': '为了您的安全没有接受它。请从首页重新操作。',
      en: 'For your safety it was not accepted. Please start again from the home page.',
    },
  },
  'invalid-form': {
    title: { 'zh-CN': '表单不完整', en: 'The form is not complete' },
    text: {
      'zh-CN': '没有上报任何用量。请从首页重新操作。',
      en: 'Nothing was reported. Please start from the home page.',
    },
  },
  'not-found': {
    title: { 'zh-CN': '没有这个页面', en: 'There is no such page' },
    text: { 'zh-CN': '请检查网址，或从首页重新开始。', en: 'Check the address, or start again from the home page.' },
  },
  'internal-error': {
    title: { 'zh-CN': '这里出了问题', en: 'Something broke here' },
    text: { 'zh-CN': '请重试一次。', en: 'Please try once more.' },
  },
} as const satisfies Record<string, Advice>

export type TroubleKind = keyof typeof troubles
