export const exceptionsEn = {
  title: 'Exceptions',
}
