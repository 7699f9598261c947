import type { Configuration } from "../cni/configuration.ts";
import { collectWarnings } from "../cni/tolerant.ts";

/** What a network wants to be logged, and where. */
export interface LogConfig {
  /** What is less serious is not written. */
  readonly level: Level;
  /** Absolute path of the log file; undefined: the node's journal. */
  readonly file: string | undefined;
  /** What is wrong in it, a sentence each. */
  readonly warnings: readonly string[];
}

/** What holds as long as nobody says otherwise. */
export const DEFAULT_LOG: LogConfig = { level: "info", file: undefined, warnings: [] };

/**
 * Reads `logLevel` and `logFile`. A log is never a reason not to attach a container: of a wrong value only a warning
 * comes, and the default holds, as with sriov-cni.
 */
export function configuredLog({ fields }: Configuration): LogConfig {
  const warnings: string[] = [];
  const tolerate = collectWarnings(warnings);
  const level = tolerate(() => {
    const text = fields.string("logLevel") ?? DEFAULT_LOG.level;
    // In whatever case, as sriov-cni reads it.
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

/** The words of sriov-cni's `logLevel`, the most serious first. */
export const LEVELS = ["panic", "error", "warning", "info", "debug"] as const;

/** How serious an entry is. "panic": the fault is ours. */
export type Level = (typeof LEVELS)[number];

/** Their priorities in syslog(3), and so in the journal: LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
export const PRIORITIES = [2, 3, 4, 6, 7] as const;
