import { fromJson, isObject } from "../../cni/document.ts";
import { REDACTED } from "../output/text.ts";

/**
 * Keys of secrets: they contain any of these words, or end in "key", "keys", "key-data" or "auth". A `pkey` is a number of
 * InfiniBand, and not a secret.
 */
const SECRET_KEY =
  /pass(?:word|wd|phrase)|secret|token|credential|authorization|auth$|(?:^|[^p])keys?(?:[-_]?data)?$/i;

/** A pair "KEY=value" in a text, such as in CNI_ARGS or in the query of a URL. */
const PAIR = /([\w.-]+)=([^;&\s"]+)/g;
/** The user and the password in a URL. */
const USER_INFO = /\/\/[^/@\s"]+@/g;

/**
 * Returns a JSON text without secrets, see {@link withoutSecrets}; `undefined` if the text is not a JSON object or list:
 * then its secrets cannot be recognized.
 */
export function redactJson(text: string): string | undefined {
  const document = fromJson(text);
  return isNested(document) ? JSON.stringify(withoutSecrets(document), undefined, 2) : undefined;
}

/**
 * Returns a JSON value in which values of members with the key of a secret are replaced: texts, numbers, lists and
 * objects. In texts that are JSON themselves (a record contains the network configuration as a text), the same members
 * are replaced, and in other texts the values of pairs "KEY=value", and users with passwords in URLs.
 */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (isObject(value)) {
    const members = Object.entries(value).map(([key, member]) => [
      key,
      SECRET_KEY.test(key) && canBeSecret(member) ? REDACTED : withoutSecrets(member),
    ]);
    return Object.fromEntries(members);
  }
  return typeof value === "string" ? redactText(value) : value;
}

/** Reports whether a value can be a secret: an empty text, true, false and null are not. */
function canBeSecret(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && value !== "") || isNested(value);
}

function redactText(text: string): string {
  const nested = /^\s*[[{]/.test(text) ? fromJson(text) : undefined;
  if (isNested(nested)) return JSON.stringify(withoutSecrets(nested));
  return text
    .replace(PAIR, (pair, key: string) => (SECRET_KEY.test(key) ? `${key}=${REDACTED}` : pair))
    .replace(USER_INFO, `//${REDACTED}@`);
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
