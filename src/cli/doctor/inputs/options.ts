/** The options of the doctor. */
export interface DoctorOptions {
  /** CNI_PATH: directories with ":" between them. */
  readonly cniPath: string;
  /** Directories of network configurations. */
  readonly confDirs: readonly string[];
  /** The name or path by which this executable was called, for the commands that are printed. */
  readonly program: string;
}
