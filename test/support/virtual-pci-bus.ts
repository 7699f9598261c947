// An environment in which the test controls everything that the executable reads: it runs in separate namespaces (user,
// mount, network), with an emulated PCI bus in place of the kernel's, and other directories for /var/lib and /run.
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

export const pf = "0000:01:00.0";
export const vf = "0000:01:10.0";

/** Mounts the directories, makes a pod, and runs until stdin is closed. */
const setUp = `
set -e
mount --bind "$ROOT/pci" /sys/bus/pci
mount --bind "$ROOT/lib" /var/lib
mount --bind "$ROOT/run" /run
exec 3<&0
unshare -n cat <&3 &
until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do :; done
echo $$ $!
cat <&3`;

/** Restores the name of lo, if the previous call changed it, and starts the executable with a file as its stdin. */
const start = `
while read -r name rest; do
  case $name in lo:*) lo=$name ;; *:*) other=\${name%%:*} ;; esac
done </proc/self/net/dev
[ "$lo" ] || { ip link set dev "$other" down; ip link set dev "$other" name lo; }
exec "$@" <"$0"`;

/** How the executable ended. */
export interface Answer {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Whether the call exceeded the time limit. */
  readonly hung: boolean;
}

/** The longest time of a call, ms: its own time limits are much shorter, also on a busy machine. */
const patience = 120_000;

export class VirtualPciBus {
  private constructor(
    /** The path of the environment on this machine. */
    readonly directory: string,
    private readonly holder: ChildProcess,
    private readonly pid: number,
    /** Path of the pod's namespace. */
    readonly netns: string,
  ) {}

  /** @throws {Error} if this machine does not permit namespaces, with the reason. */
  static async make(): Promise<VirtualPciBus> {
    const directory = mkdtempSync(join(tmpdir(), "ib-sriov-bus-"));
    for (const name of ["pci", "lib/cni", "run", "bin", "outside"])
      mkdirSync(join(directory, name), { recursive: true });
    writeFileSync(join(directory, "bin/fake"), fakePlugin);
    chmodSync(join(directory, "bin/fake"), 0o755);
    const holder = spawn("unshare", ["-Urmn", "--propagation", "private", "sh", "-c", setUp], {
      env: { ...process.env, ROOT: directory },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stderr = "";
    holder.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    for await (const line of createInterface({ input: holder.stdout })) {
      const [pid, pod] = line.split(" ");
      return new VirtualPciBus(directory, holder, Number(pid), `/proc/${pod}/ns/net`);
    }
    throw new Error(`cannot create namespaces: ${stderr}`);
  }

  /** Ends the environment, with all its processes. */
  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.holder.once("close", resolve));
    this.holder.stdin?.end();
    await ended;
    removeTree(this.directory);
  }

  /** The path of the state directory on this machine. */
  get state(): string {
    return join(this.directory, "lib/cni/ib-sriov");
  }

  /** Sets up a valid node: a PF, a VF of it, a driver, no attachments. */
  tidy(): void {
    for (const name of ["pci", "lib", "run", "outside"]) empty(join(this.directory, name));
    mkdirSync(join(this.directory, "lib/cni"));
    for (const [path, content] of Object.entries(bus)) {
      const file = join(this.directory, "pci", path);
      mkdirSync(dirname(file), { recursive: true });
      if (content.startsWith("-> ")) symlinkSync(content.slice(3), file);
      else writeFileSync(file, content);
    }
    this.setIpam("", "0");
  }

  /** Sets the output and exit status of the IPAM plugin. */
  setIpam(output: string | Uint8Array, status: string): void {
    writeFileSync(join(this.directory, "bin/output"), output);
    writeFileSync(join(this.directory, "bin/status"), status);
  }

  /** The VF's generation: the inode of its directory. */
  get generation(): string {
    return String(statSync(join(this.directory, "pci/devices", vf)).ino);
  }

  /** Runs the executable. `under`: a command that runs it, such as strace. */
  run(
    path: string,
    variables: Readonly<Record<string, string>>,
    stdin: Uint8Array,
    under: readonly string[] = [],
  ): Promise<Answer> {
    // stdin is a file, because a pipe would break if the call ends before it has read its input.
    const input = join(this.directory, "stdin");
    writeFileSync(input, stdin);
    const enter = ["-t", String(this.pid), "-U", "-m", "-n", "--preserve-credentials"];
    const command = ["sh", "-c", start, input, ...under, path];
    const child = spawn("nsenter", [...enter, ...command], {
      env: {
        PATH: process.env.PATH ?? "",
        ASAN_OPTIONS: under.length > 0 ? "detect_leaks=0" : "",
        UBSAN_OPTIONS: "halt_on_error=1",
        FAKE: join(this.directory, "bin"),
        ...variables,
      },
    });
    return new Promise((resolve, reject) => {
      let stdout = "";
      let stderr = "";
      let hung = false;
      const late = setTimeout(() => {
        hung = true;
        child.kill("SIGKILL");
      }, patience);
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      child.once("error", reject);
      child.once("close", (status, signal) => {
        clearTimeout(late);
        resolve({ status, signal, stdout, stderr, hung });
      });
    });
  }
}

const fakePlugin = `#!/bin/sh
cat "$FAKE/output"
read -r status <"$FAKE/status"
exit "$status"
`;

/**
 * The PCI bus in sysfs, as far as the executable reads it; "-> " is a link. As in a kernel, the directory of a function
 * is elsewhere and `devices` has links. lo, the one netdev of every namespace, belongs to every function.
 */
export const bus: Readonly<Record<string, string>> = {
  [`devices/${pf}`]: `-> ../functions/${pf}`,
  [`devices/${vf}`]: `-> ../functions/${vf}`,
  [`functions/${pf}/sriov_offset`]: "128\n",
  [`functions/${pf}/sriov_stride`]: "2\n",
  [`functions/${pf}/virtfn0`]: `-> ../${vf}`,
  [`functions/${pf}/driver`]: "-> ../../drivers/mlx5_core",
  [`functions/${pf}/net/lo/ifindex`]: "1\n",
  [`functions/${vf}/physfn`]: `-> ../${pf}`,
  [`functions/${vf}/driver`]: "-> ../../drivers/mlx5_core",
  [`functions/${vf}/net/lo/ifindex`]: "1\n",
  [`functions/${vf}/infiniband/mlx5_1/node_guid`]: "0a00:0000:0000:0001\n",
  [`functions/${vf}/infiniband_verbs/uverbs1/ibdev`]: "mlx5_1\n",
  "drivers/mlx5_core/bind": "",
  "drivers/mlx5_core/unbind": "",
};

/** Removes the content of a directory that is a mount point. */
function empty(directory: string): void {
  for (const name of readdirSync(directory)) removeTree(join(directory, name));
}

/** Removes a file, a link or a whole directory. (rmSync does not remove cycles of links.) */
export function removeTree(path: string): void {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (status.isDirectory()) {
    empty(path);
    rmdirSync(path);
  } else unlinkSync(path);
}
