export const moneyEn = {
  title: 'Money',
}
