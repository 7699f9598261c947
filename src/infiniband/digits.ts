// Loops over code units: regexes would have to be compiled, and iterators over strings are slow in QuickJS.

/** Is it one or more decimal digits and nothing else? */
export function isDecimal(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (!isDigit(text.charCodeAt(i))) return false;
  return text !== "";
}

/** Is it one or more hexadecimal digits, in any case, and nothing else? */
export function isHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Bit 5 makes a letter lower case, and makes no letter of anything else.
    const lower = code | 0x20;
    // Spelt out: a call for each digit would take twice as long.
    if ((code < 0x30 || code > 0x39) && (lower < 0x61 || lower > 0x66)) return false;
  }
  return text !== "";
}

/** Is the code unit one of "0" to "9"? */
function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}
