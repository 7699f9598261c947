import { CniError } from "./errors.ts";

/** Returns the result of a reader; `undefined` if the reader throws an error, which becomes a warning. */
export type WarningCollector = <T>(read: () => T) => T | undefined;

/** Returns a function that calls readers, and adds their errors to `warnings`. */
export function collectWarnings(warnings: string[]): WarningCollector {
  return (read) => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      warnings.push(error.message);
      return undefined;
    }
  };
}
