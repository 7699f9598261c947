import { expect } from "vitest";
import { CniError } from "../../../src/cni/errors.ts";

/** Runs an action that must fail, and returns its CniError; any other outcome fails the test. */
export function thrown(action: () => unknown): CniError {
  let result: unknown;
  try {
    result = action();
  } catch (error) {
    expect(error).toBeInstanceOf(CniError);
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error(`expected a CniError, got ${JSON.stringify(result)}`);
}

/** Runs an action that may fail with a CniError only; returns `undefined` if it does. */
export function orCniError<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}
