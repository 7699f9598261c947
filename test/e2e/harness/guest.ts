import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The exit status and output of a script in the guest. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of the virtual machine that vhca/run starts. */
export interface GuestOptions {
  /** Number of Physical Functions; each can have 8 VFs. Default 1. */
  readonly pfs?: number;
  /** Number of processors, default 1. More are slower; they are for tests that need calls to run simultaneously. */
  readonly processors?: number;
  /** Adds an IOMMU, so that vfio-pci accepts VFs. */
  readonly iommu?: boolean;
  /** Adds two GPUs without drivers: 0000:02:00.0 below the PFs' host bridge, 0000:81:00.0 below another. */
  readonly gpus?: boolean;
  /** Adds Debian's udev and rdma-core's naming rules; the test starts udev. */
  readonly udev?: boolean;
  /** Adds Debian's containerd, ctr, runc and curl; the test starts containerd. */
  readonly containerd?: boolean;
  /** Adds Debian's programs for RDMA: ibv_devinfo, ibv_rc_pingpong, perftest … */
  readonly verbs?: boolean;
  /** Makes waiting take no time in the guest, for tests that wait for a deadline. The guest boots slower. */
  readonly skipWaiting?: boolean;
  /** With skipWaiting: the guest's time per instruction, as a power of two in ns. Default 3. */
  readonly shift?: number;
  /** Paths on this machine; the guest finds the files in /host, executables included. */
  readonly files?: readonly string[];
}

/** Returns the absolute path of a file of this repository. */
export function inRepository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

/** Time limit for booting the guest, ms. It includes fetching packages that are missing. */
export const bootTime = 900_000;
/** Time limit for a test file, s: some files take 3 minutes, and a busy machine can be twenty times slower. */
const lifetime = 7200;
/** Time limit for a script, s by the guest's clock. It ends scripts that hang: most take less than one second. */
const scriptTime = 600;
/**
 * How much longer the test waits for an answer than the guest waits for the script, ms. The clock of a guest that
 * counts instructions can be slow.
 */
const grace = 600_000;

/** A running guest, which executes one script after the other as root. */
export class Guest {
  private readonly run: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;
  private readonly exit: Promise<number | null>;
  private output = "";
  /** How long scripts have run, s by the guest's clock. The time between scripts depends on this machine. */
  busy = 0;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(options: GuestOptions) {
    const { pfs = 1, processors = 1, files = [] } = options;
    const flags = ["-c", "-t", String(lifetime), "-p", String(pfs), "-n", String(processors)];
    if (options.iommu) flags.push("-i");
    if (options.gpus) flags.push("-g");
    if (options.udev) flags.push("-u");
    if (options.containerd) flags.push("-C");
    if (options.verbs) flags.push("-R");
    if (options.skipWaiting) flags.push("-w");
    if (options.shift !== undefined) flags.push("-s", String(options.shift));
    const agent = inRepository("test/e2e/guest/agent.sh");
    this.run = spawn(inRepository("vhca/run"), [...flags, agent, ...files]);
    this.run.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.output += text;
    });
    // Writing to a guest that has ended must not end this process; the test fails because the answer is missing.
    this.run.stdin.on("error", () => {});
    this.exit = new Promise((resolve) => this.run.on("close", resolve));
    this.lines = createInterface({ input: this.run.stdout })[Symbol.asyncIterator]();
  }

  /** @throws {Error} with the output of vhca/run, if the guest does not boot. */
  static async boot(options: GuestOptions): Promise<Guest> {
    const guest = new Guest(options);
    await guest.line("ready", bootTime);
    return guest;
  }

  /**
   * Runs a script with bash. Its stdin is empty.
   * @param seconds after this time the script is killed, with status 137.
   * @throws {Error} if the guest has ended.
   */
  execute(script: string, seconds = scriptTime): Promise<Outcome> {
    return this.request("shell", seconds, [script]);
  }

  /**
   * Runs a program.
   * @param environment its variables; it has no others.
   * @param seconds after this time the program is killed, with status 137.
   * @throws {Error} if the guest has ended.
   */
  executeProgram(
    path: string,
    stdin: string,
    environment: readonly string[],
    seconds = scriptTime,
  ): Promise<Outcome> {
    return this.request("program", seconds, [stdin, path, ...environment]);
  }

  /** Sends a request to guest/agent.c when the requests before are answered, and waits for the answer. */
  private request(kind: string, seconds: number, words: readonly string[]): Promise<Outcome> {
    const outcome = this.turn.then(async () => {
      this.run.stdin.write(`${kind} ${seconds} ${words.map(encode).join(" ")}\n`);
      const answer = await this.line("answer", seconds * 1000 + grace);
      const [, status, stdout, stderr, begin, end] = answer.split(" ");
      this.busy += Number(end) - Number(begin);
      return { status: Number(status), stdout: decode(stdout), stderr: decode(stderr) };
    });
    this.turn = outcome.catch(() => {});
    return outcome;
  }

  /**
   * Runs a script that must succeed.
   * @returns its stdout.
   * @throws {Error} with the script and its output, if it fails.
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
    if (status !== 0) throw new Error(`vhca/run ended with status ${status}\n${this.output}`);
  }

  /** Returns the next line that begins with a word; other lines are kept for error messages. */
  private async line(word: string, timeout: number): Promise<string> {
    const timer = setTimeout(() => this.run.kill("SIGTERM"), timeout);
    try {
      for (let next = await this.lines.next(); !next.done; next = await this.lines.next()) {
        if (next.value.startsWith(word)) return next.value;
        this.output += `${next.value}\n`;
      }
    } finally {
      clearTimeout(timer);
    }
    throw new Error(
      `the guest has ended unexpectedly: vhca/run exited with status ${await this.exit}\n${this.output}`,
    );
  }
}

function encode(text: string): string {
  return `x${Buffer.from(text).toString("base64")}`;
}

function decode(word: string | undefined): string {
  return Buffer.from((word ?? "").slice(1), "base64").toString("utf8");
}

/** Quotes text as one word of a shell script. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Returns the path in the guest of a file that was given to it. */
export function inGuest(file: string): string {
  return `/host/${basename(file)}`;
}
