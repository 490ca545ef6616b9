export const monthsEn = {
  title: 'Months',
}
