// vhca/run itself: how it ends, and that it leaves nothing behind.
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
import { bootTime, inRepository } from "./guest.ts";

const run = inRepository("vhca/run");
const cache =
  process.env.VHCA_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "ib-sriov");
const directory = mkdtempSync(join(tmpdir(), "runner-test."));

beforeAll(() => {
  // Not part of any measure of time below.
  expect(spawnSync(inRepository("vhca/prepare"), { stdio: "ignore" }).status).toBe(0);
}, bootTime);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Writes a script, for the guest or for here. */
function script(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

/** Runs vhca/run to its end. */
function toEnd(...args: string[]) {
  return spawnSync(run, args, { encoding: "utf8", env: { ...process.env, TMPDIR: directory } });
}

/** Processes of this machine, as "PID COMMAND", that have a word in their command line or environment's TMPDIR. */
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

/** Nothing of a run is left: no process, no file. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => processesOf(directory), { timeout: patience }).toEqual([]);
  expect(readdirSync(directory).filter((name) => name.startsWith("vhca."))).toEqual([]);
}

describe("the end", () => {
  test("is the script's: status, output, files", async () => {
    const out = join(directory, "out");
    const job = script("job", "cat /host/given; echo on stderr >&2; echo kept >/host/out/file; exit 7");
    const outcome = toEnd("-o", out, job, script("given", "from here\n"));
    expect(outcome).toMatchObject({ status: 7, stdout: "from here\non stderr\n" });
    expect(readFileSync(join(out, "file"), "utf8")).toBe("kept\n");
    expect(readFileSync(join(out, "dmesg.txt"), "utf8")).toContain("Linux version");
    await expectNothingLeft();
  });

  test("of a run with everything: more PFs, an IOMMU, a tree, stdin, a clock that jumps", async () => {
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

  test("is 124 when time is up, with what the guest said last", async () => {
    const outcome = toEnd("-t", "8", script("job", "echo still here >/dev/console; exec sleep 1000"));
    expect(outcome.status).toBe(124);
    expect(outcome.stderr).toContain("8 s");
    await expectNothingLeft();
  });

  test("is 125 when the guest dies, with what it said last", async () => {
    const outcome = toEnd(script("job", "echo c >/proc/sysrq-trigger; exec sleep 1000"));
    expect(outcome.status).toBe(125);
    expect(outcome.stderr).toContain("Kernel panic");
    await expectNothingLeft();
  });

  test("is 125 when QEMU cannot start, with its words", async () => {
    const outcome = toEnd("-r", join(directory, "nowhere"), script("job", "true"));
    expect(outcome.status).toBe(125);
    expect(outcome.stderr).toContain("nowhere");
    await expectNothingLeft();
  });

  test("is 2 when it is called wrongly", () => {
    for (const args of [[], ["-x"], ["/nowhere"]]) expect(toEnd(...args).status).toBe(2);
  });
});

describe("interrupted", () => {
  /** Starts a run and waits until its guest is up. Returns its process, which leads a group of its own. */
  async function start(command: string, ...args: string[]): Promise<number> {
    const job = script("job", "echo up; exec sleep 1000");
    const env = { ...process.env, TMPDIR: directory };
    const started = spawn(command, [...args, job], {
      detached: true,
      env,
      stdio: ["ignore", "pipe", "ignore"],
    });
    let said = "";
    started.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    await expect.poll(() => said, { timeout: patience }).toContain("up");
    expect(processesOf(directory).join("\n")).toContain("qemu");
    return started.pid ?? 0;
  }

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("by %s, as from a terminal", async (signal) => {
    process.kill(-(await start(run)), signal);
    await expectNothingLeft();
  });

  test("by SIGTERM to itself alone", async () => {
    process.kill(await start(run), "SIGTERM");
    await expectNothingLeft();
  });

  test("by the death of its parent", async () => {
    process.kill(await start("bash", "-c", `'${run}' "$1"; true`, "bash"), "SIGKILL");
    await expectNothingLeft();
  });

  test("by SIGKILL: no process stays", async () => {
    process.kill(await start(run), "SIGKILL");
    await expect.poll(() => processesOf(directory), { timeout: patience }).toEqual([]);
    for (const name of readdirSync(directory)) {
      if (name.startsWith("vhca.")) rmSync(join(directory, name), { recursive: true });
    }
  });

  test("while packages come in: the next run starts over", async () => {
    const empty = join(directory, "empty-cache");
    const bin = join(directory, "bin");
    spawnSync("mkdir", ["-p", empty, bin]);
    // Not `exec sleep`: what is looked for afterwards is its path, which is in this directory.
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
  /** A cache that has the packages already, but nothing that is made of them. */
  function withPackages(name: string): string {
    const path = join(directory, name);
    spawnSync("mkdir", ["-p", path]);
    for (const entry of readdirSync(cache)) {
      if (/^packages-\w+$/.test(entry)) symlinkSync(join(cache, entry), join(path, entry));
    }
    return path;
  }
  const prepare = (home: string, sources: string) =>
    new Promise<string>((resolve, reject) => {
      const running = spawn(join(sources, "prepare"), { env: { ...process.env, VHCA_CACHE: home } });
      let said = "";
      for (const stream of [running.stdout, running.stderr])
        stream.on("data", (text) => {
          said += text;
        });
      running.on("close", (status) => (status === 0 ? resolve(said) : reject(new Error(said))));
    });
  const made = (home: string) => readdirSync(home).filter((name) => /^(module|initramfs)-\w+$/.test(name));

  test("is made once by two runs at a time, over what a killed one left, and anew when its inputs change", async () => {
    const home = withPackages("cache");
    const sources = join(directory, "vhca");
    spawnSync("cp", ["-r", inRepository("vhca"), sources]);
    const said = await Promise.all([prepare(home, sources), prepare(home, sources)]);
    expect(said.join().match(/building the kernel module/g)).toHaveLength(1);
    expect(said.join()).toContain("waiting for it");
    const first = made(home);
    expect(first).toHaveLength(2);

    // Another modification time is no change.
    spawnSync("touch", [join(sources, "guest/init")]);
    expect(await prepare(home, sources)).not.toContain("building");

    writeFileSync(
      join(sources, "guest/init"),
      `${readFileSync(join(sources, "guest/init"), "utf8")}\n# changed\n`,
    );
    const leftover = join(home, "root.new");
    spawnSync("mkdir", ["-p", leftover]);
    const again = await prepare(home, sources);
    expect(again).toContain("building the initramfs");
    expect(again).not.toContain("building the kernel module");
    expect(made(home)).toHaveLength(3);
    expect(existsSync(leftover)).toBe(false);
  });

  test("is not touched by a module that does not compile: the compiler's words are shown", async () => {
    const home = withPackages("broken-cache");
    const sources = join(directory, "broken");
    spawnSync("cp", ["-r", inRepository("vhca"), sources]);
    writeFileSync(join(sources, "module/qp.c"), "#error broken on purpose\n");
    await expect(prepare(home, sources)).rejects.toThrow("broken on purpose");
    expect(made(home)).toEqual([]);
  });
});
