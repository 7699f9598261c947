import { printable } from "../../log/printable.ts";

/** A text that YAML 1.1 and 1.2 read as the same text without quotes. */
const PLAIN = /^[A-Za-z/_](?:[\w./ @+-]*[\w./@+-])?$/;
/** Texts that YAML 1.1 reads as another type (its types bool, null, float, int, merge, value). */
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null|e[-+]?\d+)$/i;

/**
 * Formats a JSON value as YAML 1.2 in block style, without a newline at the end. Members that are `undefined` are left
 * out. Texts are in double quotes, as in JSON, if quotes are needed. YAML allows fewer characters in them than JSON, so
 * the others are escaped.
 * @param value of objects without methods, lists, texts, finite numbers, true, false and null.
 */
export function formatYaml(value: unknown): string {
  return lines(value).join("\n");
}

function lines(value: unknown): string[] {
  if (Array.isArray(value) && value.length > 0) {
    return value.flatMap((item) => indented(lines(item), "- ", "  "));
  }
  if (isMapping(value)) {
    return Object.entries(value).flatMap(([key, member]) => {
      if (member === undefined) return [];
      if (!isNested(member)) return [`${scalar(key)}: ${scalar(member)}`];
      // A list is at the level of its key, as kubectl prints it.
      return [
        `${scalar(key)}:`,
        ...(Array.isArray(member) ? lines(member) : indented(lines(member), "  ", "  ")),
      ];
    });
  }
  return [scalar(value)];
}

function indented(all: readonly string[], first: string, rest: string): string[] {
  return all.map((line, index) => (index === 0 ? first : rest) + line);
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return isNested(value) && !Array.isArray(value);
}

/** Reports whether a value is a list or a mapping that is not empty. */
function isNested(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && Object.values(value).some((member) => member !== undefined)
  );
}

/** Formats a text, a number, true, false, null, [] or {}. */
function scalar(value: unknown): string {
  if (typeof value === "string" && PLAIN.test(value) && !RESERVED.test(value)) return value;
  return printable(JSON.stringify(value));
}
