import { CniError } from "./errors.ts";

/** What a reader gives; undefined where it finds something wrong. */
export type WarningCollector = <T>(read: () => T) => T | undefined;

/** Reads what it can, and keeps what is wrong as a warning. */
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
