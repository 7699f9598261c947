// The installer that keeps running: what it restores, what it leaves, and how it ends.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { executable, freshPath, shellScript } from "./harness.ts";
import { freshDirectory, other, own, replace, stay, stayAs } from "./installer.ts";

/** The options of unshare(1) for a mount namespace. */
const unshareOptions = process.getuid?.() === 0 ? ["--mount"] : ["--mount", "--map-root-user"];

describe("while it runs", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("it ends at once on %s", async (signal) => {
    const installer = stay(freshDirectory());
    await installer.printed("it runs");
    const begin = performance.now();
    installer.child.kill(signal);
    expect(await installer.ended).toEqual([0, null]);
    // Earlier than its regular check (CHECK_TIME of src/cli/install/install.ts, 60 s); this machine may be busy.
    expect(performance.now() - begin).toBeLessThan(50_000);
    expect(installer.output()).toContain(`${signal} received, ending`);
  });

  test("it ends at once also while it waits for a plugin's answer, and ends that plugin", async () => {
    const directory = freshDirectory();
    const pid = freshPath("pid");
    const installer = stay(directory);
    await installer.printed("it runs");
    replace(directory, `#!/bin/sh\necho $$ >${pid}.new && mv ${pid}.new ${pid}\nexec sleep 1000\n`);
    await expect.poll(() => existsSync(pid), { timeout: patience }).toBe(true);
    installer.child.kill("SIGTERM");
    expect(await installer.ended).toEqual([0, null]);
    expect(existsSync(`/proc/${readFileSync(pid, "utf8").trim()}`)).toBe(false);
  });

  test.each<[string, (directory: string) => void]>([
    ["missing", (directory) => unlinkSync(`${directory}/ib-sriov`)],
    ["empty", (directory) => replace(directory, "")],
    ["cut off", (directory) => replace(directory, own.subarray(0, 100_000))],
    ["not executable", (directory) => chmodSync(`${directory}/ib-sriov`, 0o644)],
    ["failing", (directory) => replace(directory, "#!/bin/sh\necho broken >&2; exit 3\n")],
    ["another program", (directory) => replace(directory, "#!/bin/sh\necho hello\n")],
  ])("it restores a plugin that is %s", async (_what, damage) => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.printed("it runs");
    damage(directory);
    await installer.printed("restoring it");
    const restored = () => {
      const mode = statSync(`${directory}/ib-sriov`, { throwIfNoEntry: false })?.mode ?? 0;
      return (mode & 0o7777) === 0o755 && readFileSync(`${directory}/ib-sriov`).equals(own);
    };
    await expect.poll(restored, { timeout: patience }).toBe(true);
    await expect.poll(() => readdirSync(directory), { timeout: patience }).toEqual(["ib-sriov"]);
  });

  test("it restores as often as necessary", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.printed("it runs");
    for (const times of [1, 2, 3]) {
      unlinkSync(`${directory}/ib-sriov`);
      await installer.printed("restoring it", times);
      await expect.poll(() => existsSync(`${directory}/ib-sriov`), { timeout: patience }).toBe(true);
    }
  });

  test("another plugin that runs is left, and logged once; its successors are checked", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.printed("it runs");
    replace(directory, other);
    await installer.printed("another plugin that runs; it is not replaced");
    // It checks again, and logs nothing new.
    writeFileSync(`${directory}/neighbour`, "");
    unlinkSync(`${directory}/ib-sriov`);
    await installer.printed("restoring it");
    await expect.poll(() => existsSync(`${directory}/ib-sriov`), { timeout: patience }).toBe(true);
    expect(installer.output().match(/another plugin/g)).toHaveLength(1);
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(true);
  });

  test("two installers of different versions leave each other's plugin", async () => {
    const directory = freshDirectory();
    const first = stay(directory);
    await first.printed("it runs");
    const second = stay(
      directory,
      `--ib-sriov-cni-bin-file=${shellScript(other.replace("#!/bin/sh\n", ""))}`,
    );
    await second.printed("it runs");
    await first.printed("another plugin that runs");
    expect(readFileSync(`${directory}/ib-sriov`).equals(own)).toBe(false);
    expect(first.output() + second.output()).not.toContain("restoring");
  });

  test("a plugin that cannot run in this environment is left: it may need files of the node", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.printed("it runs");
    replace(directory, "#!/interpreter/of/the/node\n");
    await installer.printed("a file that cannot be checked from here (posix_spawn");
    expect(installer.output()).not.toContain("restoring");
  });

  test("it ends with an error if its own copy does not run, because it would restore it endlessly", async () => {
    const installer = stay(freshDirectory(), `--ib-sriov-cni-bin-file=${shellScript("exit 1")}`);
    expect(await installer.ended).toEqual([1, null]);
    expect(installer.output()).toMatch(
      /does not run on this node: it ended with status 1: ; check that .* is for this architecture/,
    );
  });

  test("it ends with an error if the directory is gone: only a new container has another one", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.printed("it runs");
    rmSync(directory, { recursive: true });
    expect(await installer.ended).toEqual([1, null]);
    expect(installer.output()).toMatch(/Error: cannot copy .*ENOENT/);
  });

  test.each<[string, (directory: string) => void]>([
    [
      "renamed and created again",
      (directory) => {
        renameSync(directory, `${directory}.old`);
        mkdirSync(directory);
      },
    ],
    [
      "in a directory that is renamed and created again",
      (directory) => {
        const parent = dirname(directory);
        renameSync(parent, `${parent}.old`);
        mkdirSync(directory, { recursive: true });
      },
    ],
  ])("it continues in a directory that is %s, which it finds within seconds", async (_what, replaceIt) => {
    const directory = `${freshDirectory()}/bin`;
    mkdirSync(directory);
    const installer = stay(directory);
    await installer.printed("it runs");
    for (const times of [1, 2]) {
      replaceIt(directory);
      const begin = performance.now();
      await installer.printed("restoring it", times);
      // Earlier than its regular check after 60 s; this machine may be busy.
      expect(performance.now() - begin).toBeLessThan(30_000);
      await expect.poll(() => existsSync(`${directory}/ib-sriov`), { timeout: patience }).toBe(true);
      rmSync(`${directory}.old`, { recursive: true, force: true });
      rmSync(`${dirname(directory)}.old`, { recursive: true, force: true });
    }
    unlinkSync(`${directory}/ib-sriov`);
    await installer.printed("restoring it", 3);
  });

  test("it ends with an error if the directory that is mounted at its path is moved away", async () => {
    const node = freshDirectory();
    const mounted = freshDirectory();
    mkdirSync(`${node}/bin`);
    const script = `mount --bind ${node}/bin ${mounted} && exec ${executable} install --cni-bin-dir ${mounted}`;
    const installer = stayAs("unshare", [...unshareOptions, "sh", "-c", script], { PATH: process.env.PATH });
    await installer.printed("it runs");
    renameSync(`${node}/bin`, `${node}/bin.old`);
    expect(await installer.ended).toEqual([1, null]);
    expect(installer.output()).toContain("was moved; only a new container has another one");
  });

  test("it continues if nothing reads its output", async () => {
    const directory = freshDirectory();
    const installer = stay(directory);
    await installer.printed("it runs");
    installer.child.stdout?.destroy();
    installer.child.stderr?.destroy();
    unlinkSync(`${directory}/ib-sriov`);
    await expect.poll(() => existsSync(`${directory}/ib-sriov`), { timeout: patience }).toBe(true);
    expect(installer.child.exitCode).toBe(null);
  });
});
