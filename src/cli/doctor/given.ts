/** What the doctor goes by. */
export interface Given {
  /** CNI_PATH: directories with ":" between them. */
  readonly cniPath: string;
  /** Directories of network configurations. */
  readonly confDirs: readonly string[];
  /** How this executable is called. */
  readonly program: string;
}
