/** The destinations of log entries. No function waits: an entry that cannot be written at once throws. */
export interface Logs {
  /**
   * Appends a line to a log file, which is created if it is missing. If the log becomes too long, only its last part is
   * kept. A file that does not begin with `mark`, with which each line begins, is not a log, and is not changed
   * (EEXIST).
   */
  append(path: string, line: string, mark: string): void;
  /** Sends an entry to the node's journal; does nothing if the node has no journal. */
  send(entry: string): void;
}
