/** Where a call leaves an entry of what it did. Nothing here waits: what cannot be written at once throws. */
export interface Logs {
  /**
   * Appends a line to a log file, which is made where it is missing. Of a log that grows too long only the last part
   * is kept. What stands there and does not begin with `mark`, as each line does, is left alone (EEXIST).
   */
  append(path: string, line: string, mark: string): void;
  /** Sends an entry to the node's journal; where there is none, nothing happens. */
  send(entry: string): void;
}
