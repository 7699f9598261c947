import { fromJson, isObject } from "../../cni/document.ts";
import { REDACTED } from "../output/text.ts";
import { isHarmlessKey } from "./harmless-keys.ts";
import { isSecretLabel, redactLabeled } from "./secret-text.ts";

/** Least length of a value that is redacted wherever it appears, characters: a shorter one is a part of many words. */
const SHORTEST_SECRET = 4;
/** The same for a value whose key does not say that it is a secret. It must also contain letters and digits. */
const SHORTEST_UNKNOWN = 8;
/** Most values that are redacted wherever they appear: each is searched for in every text. */
const MOST_SECRETS = 1000;
/** A text that can only be an address, a number or a path. */
const NOT_SECRET = /^(?:[\da-f:./%+-]*|\/.*)$/i;
/** A key that is shown although its value is redacted, because it can be a misspelled key. */
const PLAIN_KEY = /^[a-z][\w./-]{0,39}$/i;

/** Whether a value is part of a secret, or of a document of this executable, all of whose keys are harmless. */
interface Place {
  readonly isSecret?: boolean;
  readonly isOurs?: boolean;
}

/**
 * Removes secrets from the parts of a report. In documents of others it shows only what is known to be harmless
 * (harmless-keys.ts). A value that it redacts there, it redacts in all later texts, too: an IPAM plugin can print the
 * password of its configuration in an error, which is then in logs and in the output of commands.
 */
export class Redactor {
  private readonly secrets = new Set<string>();
  /** Names that are shown, although they look like random texts: IDs of containers. */
  private readonly shown = new Set<string>();

  /** Keeps a name from being taken for a secret. */
  show(name: string): void {
    this.shown.add(name);
  }

  /**
   * Returns a JSON text of which only the values of harmless keys are left; `undefined` if the text is not a JSON object
   * or list: then nothing in it is known to be harmless.
   */
  json(text: string): string | undefined {
    const document = fromJson(text);
    return isNested(document) ? JSON.stringify(this.value(document, {}), undefined, 2) : undefined;
  }

  /** Returns entries of a log, a JSON document in each line, as {@link json}; other lines as {@link text}. */
  jsonLines(text: string): string {
    return this.lines(text, {});
  }

  /** Returns the output of a program without the secrets that can be recognized. JSON documents stay valid. */
  text(text: string): string {
    if (!/^\s*[[{]/.test(text)) return this.plain(text);
    const document = fromJson(text);
    return isNested(document)
      ? `${JSON.stringify(this.value(document, { isOurs: true }), undefined, 2)}\n`
      : this.lines(text, { isOurs: true });
  }

  private lines(text: string, place: Place): string {
    const redacted = text.split("\n").map((line) => {
      const document = line.startsWith("{") ? fromJson(line) : undefined;
      return isNested(document) ? JSON.stringify(this.value(document, place)) : undefined;
    });
    // Other lines are read together, because a secret can have several lines.
    if (redacted.every((line) => line === undefined)) return this.plain(text);
    return redacted.map((line, index) => line ?? this.plain(text.split("\n")[index] ?? "")).join("\n");
  }

  private value(value: unknown, place: Place, key = ""): unknown {
    if (Array.isArray(value)) return value.map((each) => this.value(each, place, key));
    if (isObject(value))
      return Object.fromEntries(Object.entries(value).map((member) => this.member(member, place)));
    if (typeof value !== "string") return value;
    const nested = /^\s*[[{]/.test(value) ? fromJson(value) : undefined;
    if (isNested(nested)) return JSON.stringify(this.value(nested, place));
    if (/^(?:cni_)?(?:args|containerid)$/i.test(key))
      return /args$/i.test(key) ? this.pairs(value) : this.name(value);
    return this.plain(value);
  }

  private member([key, value]: [string, unknown], place: Place): [string, unknown] {
    if (isHarmlessKey(key) || (place.isOurs && !isSecretLabel(key)))
      return [key, this.value(value, place, key)];
    this.learn(value, { isSecret: isSecretLabel(key) || key.toLowerCase() === "value" });
    return [PLAIN_KEY.test(key) ? this.plain(key) : REDACTED, canBeSecret(value) ? REDACTED : value];
  }

  /** Redacts CNI_ARGS: pairs KEY=value, with semicolons between them. */
  private pairs(text: string): string {
    const pieces = text.split(";").map((piece) => {
      const [key = "", ...values] = piece.split("=");
      const value = values.join("=");
      if (piece === "" || (value !== "" && isHarmlessKey(key))) return this.plain(piece);
      this.learn(value, { isSecret: isSecretLabel(key) });
      return values.length > 0 && PLAIN_KEY.test(key) ? `${this.plain(key)}=${REDACTED}` : REDACTED;
    });
    return pieces.join(";");
  }

  private name(text: string): string {
    if (/^[\w.-]+$/.test(text)) this.show(text);
    return this.plain(text);
  }

  private plain(text: string): string {
    let rest = text;
    for (const secret of this.secrets)
      if (!this.shown.has(secret) && rest.includes(secret)) rest = rest.replaceAll(secret, REDACTED);
    return redactLabeled(rest, this.shown);
  }

  /** Stores the texts in a value that is redacted. */
  private learn(value: unknown, place: Place): void {
    if (isNested(value)) {
      for (const [key, each] of Object.entries(value))
        this.learn(each, { isSecret: place.isSecret || isSecretLabel(key) || key.toLowerCase() === "value" });
      return;
    }
    if (typeof value !== "string" || this.secrets.size >= MOST_SECRETS) return;
    const nested = /^\s*[[{]/.test(value) ? fromJson(value) : undefined;
    if (isNested(nested)) this.learn(nested, place);
    const isRandom =
      value.length >= SHORTEST_UNKNOWN && /\d/.test(value) && /[a-z]/i.test(value) && !NOT_SECRET.test(value);
    if (!isRandom && !(place.isSecret && value.length >= SHORTEST_SECRET)) return;
    // In messages, a value can be quoted.
    this.secrets.add(value);
    this.secrets.add(JSON.stringify(value).slice(1, -1));
  }
}

/** Reports whether a value can be a secret: an empty text, true, false and null are not. */
function canBeSecret(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && value !== "") || isNested(value);
}

function isNested(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
