import { isObject, type JsonObject, showValue } from "./document.ts";
import { CniError } from "./errors.ts";

/**
 * A JSON object that is read as Go's encoding/json reads it into a struct, because that is what every peer
 * does: a key matches exactly or else without regard to case, the last of several wins, null is the same as
 * absent, and so are an empty string and an unknown key. Members of a wrong type are answered with an error
 * that names key and value.
 *
 * (One case differs: of `{"a":1,"A":2,"a":3}` Go takes 3, we take 2. No Go caller can send it.)
 */
export class Fields {
  /** The last key that each one, folded, stands for and that is not null. */
  private readonly keys = new Map<string, string>();

  /**
   * @param object what was decoded.
   * @param document what it is, for messages, e.g. "network configuration".
   * @param code of the errors for members of a wrong type.
   * @param path where the object stands in the document, e.g. "runtimeConfig.", "" for the document itself.
   */
  constructor(
    readonly object: JsonObject,
    readonly document: string,
    readonly code: number,
    readonly path = "",
  ) {
    for (const key of Object.keys(object)) if (object[key] !== null) this.keys.set(folded(key), key);
  }

  /** A member, whatever it is; undefined where it is absent or null. */
  raw(key: string): unknown {
    const name = this.keys.get(key.toLowerCase());
    return name === undefined ? undefined : this.object[name];
  }

  /** Is there such a member, be it null? */
  has(key: string): boolean {
    return Object.keys(this.object).some((name) => folded(name) === key.toLowerCase());
  }

  /** A string; undefined where it is absent, null or "". */
  string(key: string): string | undefined {
    const value = this.raw(key);
    if (value === undefined || value === "") return undefined;
    if (typeof value !== "string") throw this.wrong(key, value, "must be a string");
    return value;
  }

  /** A boolean, false where it is absent. */
  boolean(key: string): boolean {
    const value = this.raw(key) ?? false;
    if (typeof value !== "boolean") throw this.wrong(key, value, "must be true or false");
    return value;
  }

  /** A whole number from `least` to `most`; undefined where it is absent. */
  integer(key: string, least: number, most: number): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw this.wrong(key, value, `must be a whole number from ${least} to ${most}`);
    }
    return value;
  }

  /** An object; undefined where it is absent. */
  nested(key: string): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (!isObject(value)) throw this.wrong(key, value, "must be an object");
    return new Fields(value, this.document, this.code, `${this.path}${key}.`);
  }

  /** Strings; empty where it is absent. */
  strings(key: string, most: number): string[] {
    return this.list(key, most).map((each, index) => {
      if (typeof each !== "string") throw this.wrong(`${key}[${index}]`, each, "must be a string");
      return each;
    });
  }

  /** Objects; empty where it is absent. */
  objects(key: string, most: number): Fields[] {
    return this.list(key, most).map((each, index) => {
      if (!isObject(each)) throw this.wrong(`${key}[${index}]`, each, "must be an object");
      return new Fields(each, this.document, this.code, `${this.path}${key}[${index}].`);
    });
  }

  /** The error for a member that cannot be used. It names document, key and value. */
  wrong(key: string, value: unknown, why: string): CniError {
    return new CniError(this.code, `${this.document}: ${this.path}${key} ${why}, not ${showValue(value)}`);
  }

  private list(key: string, most: number): readonly unknown[] {
    const value = this.raw(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw this.wrong(key, value, "must be a list");
    if (value.length > most) {
      throw new CniError(
        this.code,
        `${this.document}: ${this.path}${key} has ${value.length} entries; at most ${most} are supported`,
      );
    }
    return value;
  }
}

/** Go folds case as Unicode does: the long s is an s, the Kelvin sign (which toLowerCase knows) a k. */
function folded(key: string): string {
  const lower = key.toLowerCase();
  return lower.includes("\u017f") ? lower.replaceAll("\u017f", "s") : lower;
}
