/** The last millisecond of the year 9999. */
const LAST_TIME = 253_402_300_799_999;

/**
 * Formats a time, in whole ms since 1970, in UTC: "2026-11-24T21:46:04Z". The engine has no Date. The calculation begins
 * a year on 1 March, so that a leap day is its last day, and any five consecutive months have 153 days.
 * @throws {RangeError} if the time is not in the years 1970 to 9999.
 */
export function formatTime(milliseconds: number): string {
  if (!Number.isInteger(milliseconds) || milliseconds < 0 || milliseconds > LAST_TIME)
    throw new RangeError(`${milliseconds} is not a time`);
  const seconds = Math.trunc(milliseconds / 1000);
  // Days since 1 March of the year 0. 400 years have 146,097 days, 100 years mostly 36,524, 4 years mostly 1,461.
  const days = Math.trunc(seconds / 86_400) + 719_468;
  const day = days % 146_097;
  const year = Math.trunc(
    (day - Math.trunc(day / 1460) + Math.trunc(day / 36_524) - Math.trunc(day / 146_096)) / 365,
  );
  const ofYear = day - (365 * year + Math.trunc(year / 4) - Math.trunc(year / 100));
  const month = Math.trunc((5 * ofYear + 2) / 153);
  const ofMonth = ofYear - Math.trunc((153 * month + 2) / 5) + 1;
  const calendarMonth = month < 10 ? month + 3 : month - 9;
  const calendarYear = year + 400 * Math.trunc(days / 146_097) + (calendarMonth <= 2 ? 1 : 0);
  const time = `${two((seconds / 3600) % 24)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${calendarYear}-${two(calendarMonth)}-${two(ofMonth)}T${time}Z`;
}

/** Returns the whole part of a number below 100 with two digits. */
function two(number: number): string {
  return number < 10 ? `0${Math.trunc(number)}` : `${Math.trunc(number)}`;
}
