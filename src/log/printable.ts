/** A pair of surrogates, or a character that {@link printable} escapes. */
const UNPRINTABLE =
  /[\ud800-\udbff][\udc00-\udfff]|[^ -~\u00a0-\u00ac\u00ae-\u061b\u061d-\u200a\u2010-\u2027\u202f-\u205f\u2070-\ud7ff\ue000-\ufefe\uff00-\ufff8\ufffc\ufffd]/g;

/** Most texts. To test them takes a tenth of the time that {@link UNPRINTABLE} takes. */
const ASCII = /^[ -~]*$/;
const ASCII_LINES = /^[ -~\n]*$/;

/**
 * Returns a text in which some characters are escaped as in JSON, e.g. "\u001b": control characters, which a terminal
 * would obey; invisible characters, and those that change the direction of a text; and halves of surrogate pairs, which
 * no valid UTF-8 contains. A container can choose names.
 */
export function printable(text: string): string {
  if (ASCII.test(text)) return text;
  return text.replace(UNPRINTABLE, (found) => (found.length === 2 ? found : escapeOf(found)));
}

/** Returns a text as {@link printable} does, without escaping the ends of its lines. */
export function printableLines(text: string): string {
  if (ASCII_LINES.test(text)) return text;
  return text.split("\n").map(printable).join("\n");
}

function escapeOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
