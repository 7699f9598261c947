import { isObject, type JsonObject, showValue } from "./document.ts";
import { CniError } from "./errors.ts";

/**
 * A JSON object that is read as Go's encoding/json reads it into a struct, because runtimes and other plugins read it
 * that way: a key matches exactly, or otherwise regardless of case; the last of several keys counts; null and "" mean
 * that the member is absent; unknown keys are ignored. A member of a wrong type throws an error that names key and
 * value.
 *
 * (One case differs: from `{"a":1,"A":2,"a":3}` Go takes 3, this class takes 2. No Go caller can send it.)
 */
export class Fields {
  /** The key in the document for each case-folded key: the last one whose value is not null. */
  private readonly keys = new Map<string, string>();

  /**
   * @param object the decoded object.
   * @param document the name of the document in messages, e.g. "network configuration".
   * @param code of the errors for members of a wrong type.
   * @param path the object's place in the document, e.g. "runtimeConfig."; "" for the document itself.
   */
  constructor(
    readonly object: JsonObject,
    readonly document: string,
    readonly code: number,
    readonly path = "",
  ) {
    for (const key of Object.keys(object)) if (object[key] !== null) this.keys.set(folded(key), key);
  }

  /** Returns a member of any type; `undefined` if it is absent or null. */
  raw(key: string): unknown {
    const name = this.keys.get(key.toLowerCase());
    return name === undefined ? undefined : this.object[name];
  }

  /** Reports whether the object has the member, also if it is null. */
  has(key: string): boolean {
    return Object.keys(this.object).some((name) => folded(name) === key.toLowerCase());
  }

  /** Returns a string; `undefined` if it is absent, null or "". */
  string(key: string): string | undefined {
    const value = this.raw(key);
    if (value === undefined || value === "") return undefined;
    if (typeof value !== "string") throw this.wrong(key, value, "must be a string");
    return value;
  }

  /** Returns a boolean; false if it is absent. */
  boolean(key: string): boolean {
    const value = this.raw(key) ?? false;
    if (typeof value !== "boolean") throw this.wrong(key, value, "must be true or false");
    return value;
  }

  /**
   * Returns a whole number from `least` to `most`; `undefined` if it is absent.
   * @throws {CniError} if it is anything else.
   */
  integer(key: string, least: number, most: number): number | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw this.wrong(key, value, `must be a whole number from ${least} to ${most}`);
    }
    return value;
  }

  /** Returns an object; `undefined` if it is absent. */
  nested(key: string): Fields | undefined {
    const value = this.raw(key);
    if (value === undefined) return undefined;
    if (!isObject(value)) throw this.wrong(key, value, "must be an object");
    return new Fields(value, this.document, this.code, `${this.path}${key}.`);
  }

  /** Returns a list of strings; empty if it is absent. */
  strings(key: string, most: number): string[] {
    return this.list(key, most).map((each, index) => {
      if (typeof each !== "string") throw this.wrong(`${key}[${index}]`, each, "must be a string");
      return each;
    });
  }

  /** Returns a list of objects; empty if it is absent. */
  objects(key: string, most: number): Fields[] {
    return this.list(key, most).map((each, index) => {
      if (!isObject(each)) throw this.wrong(`${key}[${index}]`, each, "must be an object");
      return new Fields(each, this.document, this.code, `${this.path}${key}[${index}].`);
    });
  }

  /** Returns the error for an invalid member. It names document, key and value. */
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

/**
 * Folds case as Go and Unicode do: the long s becomes s, and the Kelvin sign becomes k, which toLowerCase does itself.
 */
function folded(key: string): string {
  const lower = key.toLowerCase();
  return lower.includes("\u017f") ? lower.replaceAll("\u017f", "s") : lower;
}
