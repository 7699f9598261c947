// The commands, as far as they need no HCA.
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { executable } from "./harness.ts";

const run = (...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(executable, words, { encoding: "utf8", env: {} });
  return { status, stdout, stderr };
};

describe("the help", () => {
  test.each(["--help", "-h", "help"])("%s lists the commands", (word) => {
    const { status, stdout, stderr } = run(word);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ {2}list +\S/m);
    expect(stdout).toMatch(/^ {2}install +\S/m);
  });

  test("every command has its own help", () => {
    const commands = [...run("--help").stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2}/gm)].map(
      ([, name]) => name,
    );
    expect(commands.length).toBeGreaterThan(1);
    for (const name of commands) {
      const { status, stdout, stderr } = run(...(name ?? "").split(" "), "--help");
      expect([status, stderr], name).toEqual([0, ""]);
      expect(stdout).toContain("Usage:\n  ib-sriov");
    }
  });
});

test.each([
  [["lst"], "unknown command: lst; did you mean 'list'?", ""],
  [["attachments", "shw"], "unknown command: attachments shw; did you mean 'attachments show'?", ""],
  [["--lst"], "unknown command: --lst", ""],
  [["help", "lst"], "unknown command: lst; did you mean 'list'?", ""],
  [["list", "--no-header"], "unknown option: --no-header; did you mean '--no-headers'?", "list "],
  [
    ["list", "-o", "jsn"],
    "invalid value of -o: jsn; expected table, wide, json, yaml, name; did you mean 'json'?",
    "list ",
  ],
  [["list", "all"], "unexpected argument: all", "list "],
  [["bind"], "VF… is missing", "bind "],
  [["provision", "--replace"], "--replace needs the VFs that get another GUID", "provision "],
  [["doctor", "--dry-run"], "--dry-run needs --fix", "doctor "],
  [
    ["doctor", "--pod", "a/b", "--fix"],
    "--fix is for the whole node, and cannot be combined with --pod",
    "doctor ",
  ],
  [["doctor", "--pod", "a"], "--pod a is not NAMESPACE/NAME, as in default/trainer-0", "doctor "],
  [["doctor", "--cni-path"], "--cni-path needs a value: DIRECTORIES", "doctor "],
  [["completion", "ksh"], "unknown shell: ksh", "completion "],
])("%j is refused", (words, message, command) => {
  expect(run(...words)).toEqual({
    status: 2,
    stdout: "",
    stderr: `ib-sriov: ${message}\nRun 'ib-sriov ${command}--help' for usage.\n`,
  });
});

test("without arguments it prints its version and the CNI versions", () => {
  const { status, stdout, stderr } = run();
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^ib-sriov \S+, a CNI plugin .*\nCNI versions: 0\.1\.0, .*, 1\.1\.0\n/);
});

test("version and --version print the same", () => {
  expect(run("version")).toEqual(run("--version"));
});

test.each([["list"], ["attachments", "release"], ["install"]])("help %s is its --help", (...words) => {
  expect(run("help", ...words)).toEqual(run(...words, "--help"));
});

test("attachments alone shows", () => {
  expect(run("attachments", "-o", "json")).toEqual(run("attachments", "show", "-o", "json"));
});

test("a reader that closes the pipe is not a failure", () => {
  const call = `"${executable}" --help | :; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", call], { encoding: "utf8" });
  expect([stdout, stderr]).toEqual(["0\n", ""]);
});

test("a node without InfiniBand is reported", () => {
  expect(run("list").stdout).toMatch(/no InfiniBand PF/);
  expect(JSON.parse(run("list", "-o", "json").stdout)).toEqual({ schemaVersion: 1, pfs: [] });
});

test("bash completes every command and every option that the help names", () => {
  const { stdout: script, stderr } = run("completion", "bash");
  expect(stderr).toBe("");
  const complete = (...words: string[]) => {
    const call = `COMP_WORDS=(ib-sriov ${words.join(" ")} "") COMP_CWORD=${words.length + 1}; _ib_sriov`;
    const { stdout } = spawnSync("bash", ["-c", `${script}\n${call}; echo "\${COMPREPLY[*]}"`], {
      encoding: "utf8",
    });
    return stdout.trim().split(" ");
  };
  const commands = [...run("--help").stdout.matchAll(/^ {2}([a-z]+)(?: [a-z]+)? {2}/gm)].map(
    ([, name = ""]) => name,
  );
  expect(complete()).toEqual([...new Set(commands), "help", "version", "--help", "--version"]);
  for (const name of ["list", "doctor", "completion"]) {
    const options = run(name, "--help").stdout.matchAll(/^ {2}(?:-\w, | {4})(--\S+)/gm);
    expect(complete(name)).toEqual(expect.arrayContaining([...options].map(([, option]) => option)));
  }
});

describe("doctor", () => {
  const isRoot = process.getuid?.() === 0;
  /** Runs a command as root, if necessary in a user namespace. */
  const runAsRoot = (words: readonly string[], env = {}) => {
    const command = [...(isRoot ? [] : ["/usr/bin/unshare", "--map-root-user"]), executable, ...words];
    const { status, stdout, stderr } = spawnSync(command[0] ?? "", command.slice(1), {
      encoding: "utf8",
      env,
    });
    return { status, stdout, stderr };
  };
  const directories: string[] = [];
  afterEach(() => {
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
  /** Options for the directories of this test, with plugins and networks. */
  function directoriesWith(make: (plugins: string, networks: string) => void): string[] {
    const directory = mkdtempSync(join(tmpdir(), "ib-sriov-doctor-"));
    directories.push(directory);
    const [plugins, networks] = [join(directory, "bin"), join(directory, "net.d")];
    mkdirSync(plugins);
    mkdirSync(networks);
    make(plugins, networks);
    return [`--cni-path=${plugins}`, `--cni-conf-dir=${networks}`];
  }
  const findingsOf = (subject: string, stdout: string) => {
    const { findings } = JSON.parse(stdout) as {
      findings: { subject: string; level: string; found: string }[];
    };
    return findings.filter((each) => each.subject === subject);
  };
  const ours = { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", ipam: { type: "fake" } };

  test("reports a node without InfiniBand, and exits with 1", () => {
    const { status, stdout, stderr } = runAsRoot(["doctor"]);
    expect([status, stderr]).toEqual([1, ""]);
    expect(stdout).toMatch(/^error {4}pf-none +no P/m);
    expect(stdout).toMatch(/\nNot all pods can be attached: \d+ errors?, \d+ warnings?\n$/);
    // Colors are for terminals.
    expect(stdout).not.toContain("\x1b");
  });

  test("prints the same in JSON", () => {
    const { status, stdout, stderr } = runAsRoot(["doctor", "-o", "json"]);
    expect([status, stderr]).toEqual([1, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ attachable: false });
    const text = runAsRoot(["doctor"], { COLUMNS: "2000" }).stdout;
    const { findings, verdict } = JSON.parse(stdout);
    for (const { level, id, found } of findings)
      expect(text.split("\n").map((line) => line.replaceAll(/ +/g, " "))).toContain(
        `${level} ${id} ${found}`,
      );
    expect(text).toContain(`\n${verdict}: `);
    const problems = findings.filter(({ level }: { level: string }) => /warning|error/.test(level));
    expect(runAsRoot(["doctor", "-o", "name"]).stdout).toBe(
      [...new Set(problems.map(({ id }: { id: string }) => `${id}\n`))].join(""),
    );
  });

  test("stops if it does not run as root", () => {
    // This copy can be executed by every user.
    const directory = mkdtempSync(join(tmpdir(), "ib-sriov-user-"));
    directories.push(directory);
    chmodSync(directory, 0o755);
    const copy = join(directory, "ib-sriov");
    copyFileSync(executable, copy);
    const other = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    const user = { ...other, cwd: "/", env: {}, encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(copy, ["doctor"], user);
    expect([status, stdout]).toEqual([3, ""]);
    expect(stderr).toBe("ib-sriov: the doctor cannot examine the node: run as root\n");
    // Invalid arguments are reported to every user.
    expect(spawnSync(copy, ["doctor", "--all"], user).status).toBe(2);
  });

  test("finds plugins and networks in the given directories, and runs the plugins", () => {
    const options = directoriesWith((plugins, networks) => {
      symlinkSync(executable, join(plugins, "ib-sriov"));
      writeFileSync(join(plugins, "fake"), `#!/bin/sh\necho '{"supportedVersions":["0.4.0","1.0.0"]}'\n`);
      chmodSync(join(plugins, "fake"), 0o755);
      writeFileSync(join(networks, "10-ib.conf"), JSON.stringify(ours));
      writeFileSync(join(networks, "20-new.conf"), JSON.stringify({ ...ours, cniVersion: "1.1.0" }));
    });
    const { stdout } = runAsRoot(["doctor", "-o", "json", ...options]);
    expect(findingsOf("plugin", stdout)).toMatchObject([
      { level: "ok", found: expect.stringMatching(/\/bin\/ib-sriov, CNI 0\.1\.0 to 1\.1\.0$/) },
    ]);
    expect(findingsOf("network", stdout)).toMatchObject([
      {
        level: "ok",
        found: expect.stringMatching(/^mynet \(.*\/10-ib\.conf\), addresses by .*\/bin\/fake$/),
      },
      {
        level: "error",
        found: expect.stringMatching(/20-new\.conf\) has CNI 1\.1\.0, but .* supports 0\.4\.0, 1\.0\.0$/),
      },
    ]);
  });

  test("reports a missing plugin, with a command that installs it", () => {
    const options = directoriesWith((plugins, networks) => {
      writeFileSync(join(plugins, "fake"), "garbage");
      writeFileSync(join(networks, "10-ib.conf"), JSON.stringify(ours));
    });
    const before = runAsRoot(["doctor", "-o", "json", ...options]).stdout;
    expect(findingsOf("network", before)).toMatchObject([{ level: "error" }]);
    const [missing] = findingsOf("plugin", before);
    expect(missing).toMatchObject({
      level: "error",
      command: expect.stringContaining("install --cni-bin-dir "),
    });
    const { command = "" } = missing as { command?: string };
    expect(spawnSync("sh", ["-c", command]).status).toBe(0);
    expect(findingsOf("plugin", runAsRoot(["doctor", "-o", "json", ...options]).stdout)).toMatchObject([
      { level: "ok" },
    ]);
  });
});
