// vhca/run itself: its exit status and output, and that it leaves nothing behind.
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { bootTime, inRepository } from "./harness/guest.ts";

const run = inRepository("vhca/run");
const cache =
  process.env.VHCA_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "ib-sriov");
const directory = mkdtempSync(join(tmpdir(), "runner-test."));

beforeAll(() => {
  // Prepared here, so that it is not part of the times below.
  expect(spawnSync(inRepository("vhca/prepare"), { stdio: "ignore" }).status).toBe(0);
}, bootTime);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Writes a script, for the guest or for this machine. */
function script(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

/** Runs vhca/run and waits for its end. */
function toEnd(...args: string[]) {
  return spawnSync(run, args, { encoding: "utf8", env: { ...process.env, TMPDIR: directory } });
}

/** Returns the processes of this machine that have a word in their command line, as "PID COMMAND". */
function processesOf(word: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((name) => {
      try {
        return `${name} ${readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ")}`;
      } catch {
        return "";
      }
    })
    .filter((line) => line.includes(word));
}

/** Expects that neither processes nor files of a run are left. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => processesOf(directory), { timeout: patience }).toEqual([]);
  expect(readdirSync(directory).filter((name) => name.startsWith("vhca."))).toEqual([]);
}

describe("a run", () => {
  test("forwards the script's exit status, output and files", async () => {
    const out = join(directory, "out");
    const job = script("job", "cat /host/given; echo on stderr >&2; echo kept >/host/out/file; exit 7");
    const outcome = toEnd("-o", out, job, script("given", "from here\n"));
    expect(outcome).toMatchObject({ status: 7, stdout: "from here\non stderr\n" });
    expect(readFileSync(join(out, "file"), "utf8")).toBe("kept\n");
    expect(readFileSync(join(out, "dmesg.txt"), "utf8")).toContain("Linux version");
    await expectNothingLeft();
  });

  test("works with all options: more PFs, an IOMMU, a tree, stdin, a clock that jumps", async () => {
    script("in-tree", "seen\n");
    const job = script(
      "job",
      `modprobe -a ib_ipoib; modprobe vhca; ls -d /sys/bus/pci/drivers/vhca/0000:* | wc -l
      ls /sys/kernel/iommu_groups | head -n 1
      mount -t 9p -o ro,trans=virtio,version=9p2000.L,cache=loose tree /mnt; cat /mnt/in-tree
      read -r line; echo "$line"
      sleep 500; echo awake`,
    );
    const outcome = spawnSync(run, ["-p", "4", "-i", "-r", directory, "-c", "-w", "-t", "900", job], {
      encoding: "utf8",
      input: "from stdin\n",
    });
    expect(outcome).toMatchObject({ status: 0, stdout: "4\n0\nseen\nfrom stdin\nawake\n" });
  });

  test("exits with 124 at its time limit, and prints the last output of the guest", async () => {
    const outcome = toEnd("-t", "8", script("job", "echo still here >/dev/console; exec sleep 1000"));
    expect(outcome.status).toBe(124);
    expect(outcome.stderr).toContain("8 s");
    await expectNothingLeft();
  });

  test("exits with 125 if the guest crashes, and prints the last output of the guest", async () => {
    const outcome = toEnd(script("job", "echo c >/proc/sysrq-trigger; exec sleep 1000"));
    expect(outcome.status).toBe(125);
    expect(outcome.stderr).toContain("Kernel panic");
    await expectNothingLeft();
  });

  test("exits with 125 if QEMU cannot start, and prints the message of QEMU", async () => {
    const outcome = toEnd("-r", join(directory, "nowhere"), script("job", "true"));
    expect(outcome.status).toBe(125);
    expect(outcome.stderr).toContain("nowhere");
    await expectNothingLeft();
  });

  test("exits with 2 if its arguments are wrong", () => {
    for (const args of [[], ["-x"], ["/nowhere"]]) expect(toEnd(...args).status).toBe(2);
  });
});

describe("an interrupted run leaves nothing behind", () => {
  /** Starts a run and waits until its guest is up. Returns its process, which leads a separate process group. */
  async function start(command: string, ...args: string[]): Promise<number> {
    const job = script("job", "echo up; exec sleep 1000");
    const env = { ...process.env, TMPDIR: directory };
    const started = spawn(command, [...args, job], {
      detached: true,
      env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let output = "";
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    await expect.poll(() => output, { timeout: patience }).toContain("up");
    expect(processesOf(directory).join("\n")).toContain("qemu");
    return started.pid ?? 0;
  }

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "after %s to its process group, as from a terminal",
    async (signal) => {
      process.kill(-(await start(run)), signal);
      await expectNothingLeft();
    },
  );

  test("after SIGTERM to the process alone", async () => {
    process.kill(await start(run), "SIGTERM");
    await expectNothingLeft();
  });

  test("after SIGKILL of its parent", async () => {
    process.kill(await start("bash", "-c", `'${run}' "$1"; true`, "bash"), "SIGKILL");
    await expectNothingLeft();
  });

  test("after SIGKILL, except for files", async () => {
    process.kill(await start(run), "SIGKILL");
    await expect.poll(() => processesOf(directory), { timeout: patience }).toEqual([]);
    for (const name of readdirSync(directory)) {
      if (name.startsWith("vhca.")) rmSync(join(directory, name), { recursive: true });
    }
  });

  test("after SIGTERM while it fetches packages, and the next run starts over", async () => {
    const empty = join(directory, "empty-cache");
    const bin = join(directory, "bin");
    spawnSync("mkdir", ["-p", empty, bin]);
    // Not `exec sleep`, because the test looks for processes with this script's path, which is in this directory.
    script("bin/apt-get", `#!/bin/sh\necho started >${directory}/fetching\nwhile :; do sleep 1; done\n`);
    const env = { ...process.env, TMPDIR: directory, VHCA_CACHE: empty, PATH: `${bin}:${process.env.PATH}` };
    for (let turn = 0; turn < 2; turn++) {
      rmSync(join(directory, "fetching"), { force: true });
      const running = spawn(run, [script("job", "true")], { env, stdio: "ignore" });
      await expect.poll(() => existsSync(join(directory, "fetching")), { timeout: patience }).toBe(true);
      expect(processesOf(bin)).not.toEqual([]);
      running.kill("SIGTERM");
      await expectNothingLeft();
      expect(readdirSync(empty).filter((name) => /^packages-\w+$/.test(name))).toEqual([]);
    }
  });
});

describe("the cache", () => {
  /** Makes a cache that contains the packages, but nothing that is built from them. */
  function withPackages(name: string): string {
    const path = join(directory, name);
    spawnSync("mkdir", ["-p", path]);
    for (const entry of readdirSync(cache)) {
      if (/^packages-\w+$/.test(entry)) symlinkSync(join(cache, entry), join(path, entry));
    }
    return path;
  }
  const prepare = (target: string, sources: string) =>
    new Promise<string>((resolve, reject) => {
      const running = spawn(join(sources, "prepare"), { env: { ...process.env, VHCA_CACHE: target } });
      let output = "";
      for (const stream of [running.stdout, running.stderr])
        stream.on("data", (text) => {
          output += text;
        });
      running.on("close", (status) => (status === 0 ? resolve(output) : reject(new Error(output))));
    });
  const made = (target: string) =>
    readdirSync(target).filter((name) => /^(module|initramfs)-\w+$/.test(name));

  test("is built once by two simultaneous runs, also over the files of a killed run, and again when its inputs change", async () => {
    const target = withPackages("cache");
    const sources = join(directory, "vhca");
    spawnSync("cp", ["-r", inRepository("vhca"), sources]);
    const outputs = await Promise.all([prepare(target, sources), prepare(target, sources)]);
    expect(outputs.join().match(/building the kernel module/g)).toHaveLength(1);
    expect(outputs.join()).toContain("waiting for another run");
    const first = made(target);
    expect(first).toHaveLength(2);

    // Another modification time is not a change.
    spawnSync("touch", [join(sources, "guest/init")]);
    expect(await prepare(target, sources)).not.toContain("building");

    writeFileSync(
      join(sources, "guest/init"),
      `${readFileSync(join(sources, "guest/init"), "utf8")}\n# changed\n`,
    );
    const leftover = join(target, "root.new");
    spawnSync("mkdir", ["-p", leftover]);
    const again = await prepare(target, sources);
    expect(again).toContain("building the initramfs");
    expect(again).not.toContain("building the kernel module");
    expect(made(target)).toHaveLength(3);
    expect(existsSync(leftover)).toBe(false);
  });

  test("does not change if the module does not compile, and the compiler's message is printed", async () => {
    const target = withPackages("broken-cache");
    const sources = join(directory, "broken");
    spawnSync("cp", ["-r", inRepository("vhca"), sources]);
    writeFileSync(join(sources, "module/qp.c"), "#error broken on purpose\n");
    await expect(prepare(target, sources)).rejects.toThrow("broken on purpose");
    expect(made(target)).toEqual([]);
  });
});
