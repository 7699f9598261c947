import { CniError, codes } from "./errors.ts";
import { parseJson } from "./parse-json.ts";

/** A JSON object whose members are not checked yet. */
export type JsonObject = Record<string, unknown>;

/** Longest text of a value in an error message, characters. */
const SHOWN = 200;

/** Parses JSON; `undefined` if the text is not JSON, or is nested too deeply for the engine. */
export function fromJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/**
 * Parses a JSON document that must be an object; `null` is an empty object, as in Go.
 * @param failure the beginning of the error message, e.g. "error unmarshall network config".
 * @throws {CniError} 6 if it is not JSON, is nested too deeply for the engine, or is not an object.
 */
export function parseJsonObject(text: string, failure: string): JsonObject {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CniError(codes.decode, `${failure}: ${reason}`);
  }
  if (value === null) return {};
  if (!isObject(value)) {
    throw new CniError(codes.decode, `${failure}: expected a JSON object, found ${showValue(value)}`);
  }
  return value;
}

/** Returns a value as JSON for a message, cut if it is long. */
export function showValue(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    // The value is nested too deeply for the engine's stack.
    text = Array.isArray(value) ? "a deeply nested list" : "a deeply nested object";
  }
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Reports whether a value is a JSON object: neither null nor a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
