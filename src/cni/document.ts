import { CniError, codes } from "./errors.ts";

/** A JSON object whose members nobody has looked at yet. */
export type JsonObject = Record<string, unknown>;

/** Longest text of a value that an error message repeats. */
const SHOWN = 200;

/** What a JSON text says; undefined where it is no JSON, or nested too deeply for the engine. */
export function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Decodes a JSON document that must be an object; `null` is an empty one, as in Go.
 * @param failure the error's message up to the reason, e.g. "error unmarshall network config".
 * @throws {CniError} 6 where it is no JSON, is nested too deeply for the engine, or is no object.
 */
export function parseJsonObject(text: string, failure: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
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

/** A value as JSON for a message, cut where it is long. */
export function showValue(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    // Nested more deeply than the engine's stack.
    text = Array.isArray(value) ? "a deeply nested list" : "a deeply nested object";
  }
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Is it a JSON object: neither null nor a list? */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
