import { collectWarnings } from "../cni/collect-warnings.ts";
import type { Configuration } from "../cni/configuration.ts";

/** A network's log settings. */
export interface LogConfig {
  /** Less serious entries are not written. */
  readonly level: Level;
  /** Absolute path of the log file; `undefined` for the node's journal. */
  readonly file: string | undefined;
  /** Mistakes in these settings, a sentence each. */
  readonly warnings: readonly string[];
}

/** The default settings. */
export const DEFAULT_LOG: LogConfig = { level: "info", file: undefined, warnings: [] };

/**
 * Reads `logLevel` and `logFile`. Log settings must not prevent an attachment, so a wrong value only causes a warning,
 * and the default applies, as in sriov-cni.
 */
export function configuredLog({ fields }: Configuration): LogConfig {
  const warnings: string[] = [];
  const tolerate = collectWarnings(warnings);
  const level = tolerate(() => {
    const text = fields.string("logLevel") ?? DEFAULT_LOG.level;
    // Like sriov-cni, this ignores the case.
    const found = LEVELS.find((each) => each === text.toLowerCase());
    if (found === undefined) throw fields.wrong("logLevel", text, `must be one of ${LEVELS.join(", ")}`);
    return found;
  });
  const file = tolerate(() => {
    const path = fields.string("logFile");
    if (path === undefined || path.startsWith("/")) return path;
    throw fields.wrong("logFile", path, "must be an absolute path");
  });
  return { level: level ?? DEFAULT_LOG.level, file, warnings };
}

/** The values of sriov-cni's `logLevel`, most serious first. */
export const LEVELS = ["panic", "error", "warning", "info", "debug"] as const;

/** Severity of an entry. "panic" is a bug of this plugin. */
export type Level = (typeof LEVELS)[number];

/** Their priorities in syslog(3) and the journal: LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
export const PRIORITIES = [2, 3, 4, 6, 7] as const;
