/** The machines that executables are built for. */
import { execFileSync } from "node:child_process";
import { dirname } from "node:path";

export interface Machine {
  /** Its name in OCI. */
  readonly architecture: string;
  /** e_machine of its ELF files (elf.h). */
  readonly elf: number;
  /** The largest pages, in bytes, that a kernel for it can have (CONFIG_ARM64_64K_PAGES, CONFIG_PPC_64K_PAGES). */
  readonly page: number;
  /** The directory of its build. */
  readonly build: string;
  /** The command that starts an executable: empty for this machine, else an emulator. */
  readonly run: readonly string[];
  /** Its compiler. */
  readonly cc: string;
  /** The nm that reads its executables. */
  readonly nm: string;
}

const own = { x64: "amd64", arm64: "arm64", ppc64: "ppc64le" }[process.arch as string];

/** All three: this machine, and those that scripts/cross has tools for. */
export const machines: readonly Machine[] = [
  { architecture: "amd64", elf: 62, page: 4 << 10 },
  { architecture: "arm64", elf: 183, page: 64 << 10 },
  { architecture: "ppc64le", elf: 21, page: 64 << 10 },
].map((machine) =>
  machine.architecture === own
    ? { ...machine, build: "build", run: [], cc: "gcc", nm: "nm" }
    : { ...machine, build: `build/${machine.architecture}`, ...tools(machine.architecture) },
);

/** The architecture of this machine. The executables for the others must give the same answers. */
export const native = machines.find(({ architecture }) => architecture === own) as Machine;
export const foreign = machines.filter((machine) => machine !== native);

function tools(architecture: string) {
  const script = `eval "$(scripts/cross ${architecture})" && printf '%s\\n' "$RUN" "$CC"`;
  const [run = "", cc = ""] = execFileSync("bash", ["-c", script], { encoding: "utf8" }).split("\n");
  return { run: [run], cc, nm: `${dirname(cc)}/nm` };
}
