import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** How a script in the guest ended. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The virtual machine, as vhca/run makes it. */
export interface GuestOptions {
  /** Physical Functions; each can have 8 VFs. Default 1. */
  readonly pfs?: number;
  /** Processors, default 1; for what is only true where calls run at the same moment. Slower. */
  readonly processors?: number;
  /** With an IOMMU, so that vfio-pci takes VFs. */
  readonly iommu?: boolean;
  /** With Debian's udev and rdma-core's naming rules; the test starts it. */
  readonly udev?: boolean;
  /** With Debian's containerd, ctr, runc and curl; the test starts it. */
  readonly containerd?: boolean;
  /** In the guest, waiting takes no time: for what waits until a deadline. Boots slower. */
  readonly skipWaiting?: boolean;
  /** With that: what an instruction takes of the guest's time, as the power of two ns. Default 3. */
  readonly shift?: number;
  /** Paths on this machine; the guest finds them in /host, executables included. */
  readonly files?: readonly string[];
}

/** Absolute path of a file of this repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

/** How long the guest may take to boot, ms; packages that must be fetched first included. */
export const bootTime = 900_000;
/** How long the whole of a test file may take, s: some take 3 minutes, and a machine can be twenty times as busy. */
const lifetime = 7200;
/** How long a script may take, s by the guest's clock. The limit ends what hangs: most take less than one second. */
const scriptTime = 600;
/**
 * How much longer we wait for an answer than the guest waits for the script, ms. The clock of a guest that counts
 * instructions can be slow.
 */
const grace = 600_000;

/** A running guest, in which one script after the other is executed by root. */
export class Guest {
  private readonly run: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;
  private readonly exit: Promise<number | null>;
  private said = "";
  /** How long scripts have run, s on the guest's clock. What passes there between them depends on this machine. */
  busy = 0;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(options: GuestOptions) {
    const { pfs = 1, processors = 1, files = [] } = options;
    const flags = ["-c", "-t", String(lifetime), "-p", String(pfs), "-n", String(processors)];
    if (options.iommu) flags.push("-i");
    if (options.udev) flags.push("-u");
    if (options.containerd) flags.push("-C");
    if (options.skipWaiting) flags.push("-w");
    if (options.shift !== undefined) flags.push("-s", String(options.shift));
    const agent = inRepository("test/e2e/guest/agent.sh");
    this.run = spawn(inRepository("vhca/run"), [...flags, agent, ...files]);
    this.run.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.said += text;
    });
    // Writing to a guest that has died must not end this process; the missing answer says enough.
    this.run.stdin.on("error", () => {});
    this.exit = new Promise((resolve) => this.run.on("close", resolve));
    this.lines = createInterface({ input: this.run.stdout })[Symbol.asyncIterator]();
  }

  /** @throws {Error} with what vhca/run said, where there is no guest. */
  static async boot(options: GuestOptions): Promise<Guest> {
    const guest = new Guest(options);
    await guest.line("ready", bootTime);
    return guest;
  }

  /**
   * Runs a script with bash. Its stdin is empty.
   * @param seconds it is killed then: status 137.
   * @throws {Error} where the guest has died.
   */
  async execute(script: string, seconds = scriptTime): Promise<Outcome> {
    const mine = this.turn.then(async () => {
      this.run.stdin.write(`${seconds} ${Buffer.from(script).toString("base64")}\n`);
      const answer = await this.line("answer", seconds * 1000 + grace);
      const [, status, stdout, stderr, begin, end] = answer.split(" ");
      this.busy += Number(end) - Number(begin);
      return { status: Number(status), stdout: decode(stdout), stderr: decode(stderr) };
    });
    this.turn = mine.catch(() => {});
    return mine;
  }

  /**
   * Runs a script that must succeed.
   * @returns its stdout.
   * @throws {Error} with the script and what it said, where it did not.
   */
  async shell(script: string, seconds?: number): Promise<string> {
    const { status, stdout, stderr } = await this.execute(`set -eu -o pipefail\n${script}`, seconds);
    if (status === 0) return stdout;
    throw new Error(`status ${status} in the guest\n${stdout}${stderr}\nof the script\n${script}`);
  }

  /** Shuts the guest down. */
  async end(): Promise<void> {
    this.run.stdin.write("end\n");
    const kill = setTimeout(() => this.run.kill("SIGTERM"), grace);
    const status = await this.exit;
    clearTimeout(kill);
    if (status !== 0) throw new Error(`vhca/run ended with status ${status}\n${this.said}`);
  }

  /** The next line that begins with a word; others are kept for error messages. */
  private async line(word: string, patience: number): Promise<string> {
    const late = setTimeout(() => this.run.kill("SIGTERM"), patience);
    try {
      for (let next = await this.lines.next(); !next.done; next = await this.lines.next()) {
        if (next.value.startsWith(word)) return next.value;
        this.said += `${next.value}\n`;
      }
    } finally {
      clearTimeout(late);
    }
    throw new Error(`the guest has died: vhca/run ended with status ${await this.exit}\n${this.said}`);
  }
}

function decode(word: string | undefined): string {
  return Buffer.from((word ?? "").slice(1), "base64").toString("utf8");
}

/** Makes text one word of a shell script. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The name that a file given to the guest has there. */
export function inGuest(file: string): string {
  return `/host/${basename(file)}`;
}
