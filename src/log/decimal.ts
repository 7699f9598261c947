/**
 * A number, not negative, with three decimals, or none where it is whole: microseconds are enough of a duration in ms.
 * The engine needs ten times as long for one that is not whole.
 */
export function decimal(number: number): string {
  const thousandths = Math.round(number * 1000);
  const rest = thousandths % 1000;
  if (rest === 0) return `${thousandths / 1000}`;
  return `${(thousandths - rest) / 1000}.${rest < 10 ? "00" : rest < 100 ? "0" : ""}${rest}`;
}
