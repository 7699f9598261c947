// The plugin of kubectl, with a kubectl that runs the executable of this machine in the place of the agents' pods.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { executable, freshPath } from "../harness.ts";

const script = resolve("deploy/kubectl/kubectl-ib_sriov");
const directory = freshPath("bin");
const calls = freshPath("calls");

/** The output of the pod `fixed`, by command. */
const answers = {
  metrics: `ib_sriov_build_info{version="1",commit=""} 1
ib_sriov_vfs{pf="0000:03:00.0",state="free"} 5
ib_sriov_vfs{pf="0000:03:00.0",state="used"} 3
ib_sriov_vfs{pf="0000:83:00.0",state="free"} 8
ib_sriov_vfs{pf="0000:83:00.0",state="used"} 0
ib_sriov_attachments{condition="attached"} 2
ib_sriov_attachments{condition="orphaned"} 1
ib_sriov_attachments{condition="destroyed"} 0
ib_sriov_unreleased_leases 1
ib_sriov_call_duration_seconds_sum{verb="ADD"} 3
ib_sriov_call_duration_seconds_count{verb="ADD"} 12
ib_sriov_call_duration_seconds_count{verb="DEL"} 9
ib_sriov_call_failures_total{verb="ADD",code="7"} 1
ib_sriov_call_failures_total{verb="ADD",code="101"} 2
ib_sriov_call_failures_total{verb="DEL",code="100"} 0`,
  doctor: JSON.stringify(
    {
      findings: [
        { level: "ok", found: "fine" },
        { level: "warning", found: "some" },
        { level: "error", found: 'the VF "x" has no GUID' },
        { level: "error", found: "another" },
      ],
    },
    undefined,
    2,
  ),
};

beforeAll(() => {
  mkdirSync(directory);
  for (const [name, text] of Object.entries(answers)) writeFileSync(`${directory}/${name}`, `${text}\n`);
  // The pod `real` runs the executable; `fixed` has the answers above; the others fail in different ways.
  writeFileSync(
    `${directory}/kubectl`,
    `#!/bin/bash
echo "$*" >>${calls}
case "$*" in *"get pods"*) printf '%b' "$PODS"; exit ;; esac
while [ "$1" != exec ]; do shift; done
[ "$2 $3 $5 $6 $7 $8" = "-n kube-system -c ib-sriov -- /usr/bin/ib-sriov" ] || { echo "wrong call: $*" >&2; exit 9; }
pod=$4
shift 8
case $pod in
  real) exec ${executable} "$@" ;;
  fixed)
    [ "$*" = list ] && echo "PF and VFs" || cat ${directory}/$1
    [ $1 != doctor ] || { echo "command terminated with exit code 1" >&2; exit 1; }
    ;;
  fails) printf 'ib-sriov: read /sys: EIO\\ncommand terminated with exit code 3\\n' >&2; exit 3 ;;
  silent) exit 5 ;;
  hangs) sleep 60 ;;
esac
`,
  );
  chmodSync(`${directory}/kubectl`, 0o755);
});

function run(pods: readonly string[], ...words: string[]) {
  const { status, stdout, stderr } = spawnSync("bash", [script, ...words], {
    encoding: "utf8",
    env: { PATH: `${directory}:${process.env.PATH}`, PODS: pods.map((pod) => `${pod}\\n`).join("") },
    timeout: 120_000,
  });
  return { status, stdout, stderr };
}

const fixed = "node2\\tfixed\\tRunning";
const real = "node1\\treal\\tRunning";
const columns = (line: string | undefined) => (line ?? "").split(/ {2,}/);

describe("one line for each node", () => {
  test("list: VFs, attachments by condition, problems", () => {
    const { status, stdout, stderr } = run([fixed, real]);
    const lines = stdout.trimEnd().split("\n");
    expect([status, stderr]).toEqual([0, ""]);
    expect(columns(lines[0])).toEqual([
      "NODE",
      "USED",
      "FREE",
      "ATTACHED",
      "OTHER ATTACHMENTS",
      "ERRORS",
      "WARNINGS",
    ]);
    // This machine has no HCA.
    expect(lines[1]).toMatch(/^node1 +0 +0 +0 +- +[1-9]\d* +\d+$/);
    expect(columns(lines[2])).toEqual([
      "node2",
      "3",
      "13",
      "2",
      "1 orphaned, unreleased leases: 1",
      "2",
      "1",
    ]);
    expect(lines).toHaveLength(3);
  });

  test("doctor: the first error, and exit status 1", () => {
    const { status, stdout } = run([real, fixed], "doctor");
    const lines = stdout.trimEnd().split("\n");
    expect(status).toBe(1);
    expect(lines[1]).toMatch(/^node1 +[1-9]\d* +\d+ +\S.+/);
    expect(columns(lines[2])).toEqual(["node2", "2", "1", 'the VF "x" has no GUID']);
  });

  test("metrics: calls and failures", () => {
    const { status, stdout } = run([real, fixed], "metrics");
    const lines = stdout.trimEnd().split("\n");
    expect(status).toBe(0);
    expect(lines[1]).toMatch(/^node1 +\d+ +\d+ +\d+ +\d+ +(-|\d+\.\d+ s)$/);
    expect(columns(lines[2])).toEqual(["node2", "12", "3", "9", "0", "0.250 s"]);
  });

  test("many nodes", () => {
    const pods = Array.from({ length: 40 }, (_, i) => `n${i + 10}\\tfixed\\tRunning`);
    const { status, stdout } = run(pods, "metrics");
    const names = stdout
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => columns(line)[0]);
    expect([status, names]).toEqual([0, pods.map((pod) => pod.slice(0, 3))]);
  });

  test("the running pod of a node that has two", () => {
    const pods = ["node2\\tfixed\\tRunning", "node2\\tx\\tPending"];
    for (const order of [pods, pods.toReversed()]) {
      const lines = run(order, "metrics").stdout.trimEnd().split("\n");
      expect(lines.slice(1).map((line) => columns(line)[1])).toEqual(["12"]);
    }
  });
});

describe("details", () => {
  test("of a node are what the command prints there", () => {
    const output = (...words: string[]) => spawnSync(executable, words, { encoding: "utf8" }).stdout;
    expect(run([real, fixed], "list", "node1").stdout).toBe(output("list"));
    expect(run([real, fixed], "doctor", "node1")).toMatchObject({ status: 1, stdout: output("doctor") });
    expect(run([real, fixed], "metrics", "node1").stdout).toContain("ib_sriov_build_info");
  });

  test("of several nodes have headings, and follow the overview with -v", () => {
    expect(run([real, fixed], "list", "node2", "node1").stdout).toMatch(
      /^== node2\nPF and VFs\n\n== node1\n\S[\s\S]*\n$/,
    );
    expect(run([fixed], "list", "-v").stdout).toMatch(/^NODE .*\nnode2 .*\n\n== node2\nPF and VFs\n$/);
  });
});

describe("a node that does not answer", () => {
  test("has a line with the reason, and the exit status is 1", () => {
    const { status, stdout } = run(
      [
        fixed,
        "node3\\tfails\\tRunning",
        "node4\\tsilent\\tRunning",
        "node5\\thangs\\tRunning",
        "node6\\tx\\tPending",
        "\\ty\\tPending",
      ],
      "list",
      "--timeout=1",
    );
    expect(status).toBe(1);
    expect(stdout.trimEnd().split("\n").slice(1)).toEqual([
      "(no node)  pod y is Pending",
      expect.stringMatching(/^node2 /),
      "node3      ib-sriov: read /sys: EIO",
      "node4      exit status 5",
      "node5      no answer within 1 s",
      "node6      pod x is Pending",
    ]);
  });

  test("is reported by name, too", () => {
    const pods = [fixed, "node3\\tfails\\tRunning"];
    expect(run(pods, "list", "node3", "node2", "node9")).toEqual({
      status: 1,
      stdout: "== node2\nPF and VFs\n",
      stderr:
        "kubectl ib-sriov: node node9 has no agent\nkubectl ib-sriov: node node3: ib-sriov: read /sys: EIO\n",
    });
    expect(run(pods, "list", "node9")).toMatchObject({ status: 1, stdout: "" });
  });
});

test("a cluster without agents is reported", () => {
  const { status, stderr } = run([], "doctor", "-n", "other", "-l", "a=b");
  expect([status, stderr]).toEqual([
    1,
    "kubectl ib-sriov: no agent found: no pod in namespace other has the labels a=b\n",
  ]);
});

test("the options of kubectl are passed on", () => {
  writeFileSync(calls, "");
  run([fixed], "metrics", "--context", "c", "--kubeconfig=/k");
  const { stdout } = spawnSync("cat", [calls], { encoding: "utf8" });
  const lines = stdout.trimEnd().split("\n");
  expect(lines).toHaveLength(2);
  for (const line of lines)
    expect(line).toMatch(/^--context=c --kubeconfig=\/k (get pods|exec) -n kube-system /);
});

test.each([
  [["--lst"], "unknown option: --lst"],
  [["--lst=x"], "unknown option: --lst"],
  [["lst"], "unknown command: lst; expected list, doctor or metrics"],
  [["list", "-n"], "-n needs a value"],
  [["--timeout", "0"], "--timeout 0 is not a number of seconds"],
  [["--timeout=1x"], "--timeout 1x is not a number of seconds"],
])("%j is refused", (words, message) => {
  expect(run([fixed], ...words)).toEqual({
    status: 2,
    stdout: "",
    stderr: `kubectl ib-sriov: ${message}\nRun 'kubectl ib-sriov --help' for usage.\n`,
  });
});

test("--help lists commands and options", () => {
  const { status, stdout } = run([], "doctor", "--help");
  expect(status).toBe(0);
  for (const word of ["list", "doctor", "metrics", "--namespace", "--timeout", "Exit status"])
    expect(stdout).toContain(word);
});
