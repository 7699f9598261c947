/** How serious an entry is, in the words of sriov-cni's `logLevel`, the most serious first. "panic": the fault is ours. */
export const LEVELS = ["panic", "error", "warning", "info", "debug"] as const;
export type Level = (typeof LEVELS)[number];

/** Their priorities in syslog(3), and so in the journal: LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG. */
export const PRIORITIES = [2, 3, 4, 6, 7] as const;
