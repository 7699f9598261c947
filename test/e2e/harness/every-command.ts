// The output of every command in every format, with and without a terminal. A command without an entry in the table
// below fails. test/native/every-command.test.ts tests help and refused arguments.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { commands } from "../../../src/cli/commands.ts";
import { schemaErrors } from "../../support/schemas.ts";
import { hostLocal, network } from "./cni.ts";
import { compile } from "./compile.ts";
import { inGuest } from "./guest.ts";
import { plugin, type TestNode, vfs } from "./node.ts";

/** A program that runs a command in a terminal. */
export const terminal = compile("test/e2e/guest/terminal.c");

/** A call of a command whose output is tested. */
interface OutputCase {
  readonly command: string;
  /** Its arguments, besides those of the format. */
  readonly words?: string;
  /** Runs before each call. */
  readonly before?: (node: TestNode) => Promise<unknown>;
  /** A command that runs it, e.g. "timeout 1". */
  readonly under?: string;
  /** Its exit status, default 0. */
  readonly status?: number;
  /** A part of its text. */
  readonly shows: RegExp;
  /** Whether `-o name` prints commands, which contain blanks. */
  readonly hasPhrases?: boolean;
  /** Whether the text has headings or colors. */
  readonly isStyled?: boolean;
}

const [vf, second, third] = vfs;
const attached = network(vf, { ipam: hostLocal(["10.1.0.0/24"]) });
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";

const cases: readonly OutputCase[] = [
  {
    command: "doctor",
    status: 1,
    before: (node) => leaveOrphaned(node, "c2", second),
    shows: /^(error|warning) +record-/m,
    isStyled: true,
  },
  {
    command: "doctor",
    words: "--pod default/trainer",
    shows: /^Attachments of pod default\/trainer$/m,
    isStyled: true,
  },
  {
    command: "doctor",
    words: "--fix --dry-run",
    before: (node) => leaveOrphaned(node, "c2", second),
    shows: /ib-sriov gc$/m,
    // Its "names" are commands.
    hasPhrases: true,
  },
  { command: "list", shows: /^VF +# .*\n(.*\n)*.*default\/trainer \(c1\) net1/m, isStyled: true },
  { command: "list", words: "--topology", shows: /^PF .*\n\|- GPU .*PHB\n(.*\n)*`- VF /m, isStyled: true },
  { command: "attachments show", shows: /^c1 +net1 +default\/trainer .* attached/m, isStyled: true },
  {
    command: "attachments release",
    words: "c3 net1",
    before: (node) => leaveOrphaned(node, "c3", third),
    shows: /is released\.$/m,
  },
  {
    command: "gc",
    words: "--dry-run",
    before: (node) => leaveOrphaned(node, "c2", second),
    shows: /c2.*would be released/,
    isStyled: true,
  },
  {
    command: "gc",
    before: (node) => leaveOrphaned(node, "c2", second),
    shows: /c2.*released/,
    isStyled: true,
  },
  { command: "bind", words: third, shows: new RegExp(`^${third}: kept mlx5_core$`, "m") },
  { command: "provision", shows: new RegExp(`${third}.* kept `) },
  { command: "metrics", shows: /^# TYPE ib_sriov_vfs gauge$/m },
  { command: "agent", under: "timeout -s TERM 1", shows: /^SIGTERM received, ending$/m },
  {
    command: "bugreport",
    words: "/tmp/report.tar",
    before: (node) => node.shell("rm -f /tmp/report.tar"),
    shows: /^The report is in \/tmp\/report\.tar\./,
  },
  { command: "licenses", shows: /^ib-sriov\n(.*\n)*.* quickjs .*: MIT$/m },
  ...["bash", "zsh", "fish"].map((words) => ({ command: "completion", words, shows: /ib-sriov/ })),
  {
    command: "install",
    words: "--cni-bin-dir /tmp/copies --no-sleep",
    before: (node) => node.shell("mkdir -p /tmp/copies"),
    shows: /^copied .*\/ib-sriov to \/tmp\/copies\/ib-sriov$/m,
  },
];

/** Makes an attachment that is orphaned, unless it exists. */
async function leaveOrphaned(node: TestNode, container: string, pci: string): Promise<void> {
  const { status } = await node.guest.execute(`[ -e /var/lib/cni/ib-sriov/${container}-net1 ]`);
  if (status === 0) return;
  await node.shell("ip netns add gone");
  await node.add("gone", network(pci), { container });
  await node.shell("ip netns del gone");
}

/** Defines the tests of all commands, on a node whose files include {@link terminal} and that has GPUs. */
export function testOutputOfEveryCommand(node: TestNode): void {
  test("every command has a case", () => {
    // The output of selftest contains durations, which differ from call to call: selftest.test.ts tests it.
    const names = commands.map(({ name }) => name).filter((name) => name !== "selftest");
    expect([...new Set(cases.map(({ command }) => command))].sort()).toEqual([...names].sort());
  });

  describe("with a running container, an orphaned one, and a record that cannot be read:", () => {
    beforeAll(async () => {
      await node.shell("mkdir -p /dev/pts; mount -t devpts devpts /dev/pts");
      await node.add("a", attached, { args });
      await leaveOrphaned(node, "c2", second);
      // So that the next call has nothing to do, and prints the same each time.
      await node.shell(`${plugin} provision`);
      // The doctor compares the MTUs of netdevs with a carrier and of those without one separately.
      await node.until(`grep -q 1 /sys/bus/pci/devices/${third}/net/*/carrier`);
      await node.shell(`echo '{' >/var/lib/cni/ib-sriov/c9-net1`);
    });
    afterAll(() => node.reset());

    const titled = cases.map((each) => [`${each.command} ${each.words ?? ""}`.trim(), each] as const);
    describe.each(titled)("%s", (_, each) => {
      const command = commands.find(({ name }) => name === each.command);
      const isListing = command?.options.some(({ name }) => name === "output") === true;
      if (isListing) testListing(node, each);
      else testText(node, each);
    });
  });
}

function testText(node: TestNode, each: OutputCase): void {
  test("prints the same in a terminal", async () => {
    const text = await printed(node, each, "");
    expect(text).toMatch(each.shows);
    // Also metrics: no runtime makes a call that they would count.
    expect(await printed(node, each, "", { isTerminal: true })).toBe(text);
  });
}

function testListing(node: TestNode, each: OutputCase): void {
  /** The outputs so far: most calls take a tenth of a second in the emulator. */
  const known = new Map<string, string>();
  const textIn = async (words: string, how: How = {}) => {
    const key = JSON.stringify([words, how]);
    const text = known.get(key) ?? (await printed(node, each, words, how));
    known.set(key, text);
    return text;
  };

  test("JSON has the structure of the schema, and YAML the same content, with and without a terminal", async () => {
    const json = await textIn("-o json");
    expect(schemaErrors(each.command, JSON.parse(json))).toEqual([]);
    expect(await textIn("-o json", { isTerminal: true })).toBe(json);
    const yaml = await textIn("-o yaml");
    expect(parse(yaml)).toEqual(JSON.parse(json));
    expect(await textIn("-o yaml", { isTerminal: true })).toBe(yaml);
  });

  test("a table is the same in a terminal, except for colors", async () => {
    for (const format of ["table", "wide"]) {
      const text = await textIn(`-o ${format}`);
      expect(text).toMatch(each.shows);
      expect(text).not.toContain(ESCAPE);
      const shown = await textIn(`-o ${format}`, { isTerminal: true });
      expect(withoutColors(shown)).toBe(text);
      expect(shown.includes(ESCAPE)).toBe(each.isStyled === true);
    }
  });

  if (each.isStyled)
    test("no colors are printed with NO_COLOR, and in a terminal without colors", async () => {
      const text = await textIn("-o table");
      for (const variables of ["NO_COLOR=1", "TERM=dumb"])
        expect(await textIn("-o table", { isTerminal: true, variables })).toBe(text);
    });

  test("a wide table has all headings of the narrow one; --no-headers leaves headings out", async () => {
    const [narrow, wide] = [await textIn("-o table"), await textIn("-o wide")].map(headingsIn);
    expect(wide).toEqual(expect.arrayContaining(narrow ?? []));
    expect(headingsIn(await textIn("--no-headers"))).toEqual([]);
    expect(headingsIn(await textIn("-o wide --no-headers"))).toEqual([]);
  });

  test("each line is a name, with and without a terminal", async () => {
    const names = await textIn("-o name");
    if (!each.hasPhrases) expect(names).toMatch(/^(\S+\n)*$/);
    expect(await textIn("-o name", { isTerminal: true })).toBe(names);
  });
}

const ESCAPE = "\x1b";

function withoutColors(text: string): string {
  return text.replaceAll(new RegExp(`${ESCAPE}\\[\\d*m`, "g"), "");
}

/** Returns the headings of the tables in a text: lines of which every word is in capitals. */
function headingsIn(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.split(/ {2,}/))
    .filter((words) => words.length > 2 && words.every((word) => /^[A-Z# ]+$/.test(word)))
    .flat();
}

/** How a command is called. */
interface How {
  readonly isTerminal?: boolean;
  /** Variables of the environment, e.g. "TERM=dumb". */
  readonly variables?: string;
}

/** Lines that commands print on stderr if they take longer than a second. */
const PROGRESS = /^ib-sriov: [a-z]+ing .*\n/gm;

/** Runs a command, which must end as its case requires. Returns its output, in a terminal with stderr. */
async function printed(
  node: TestNode,
  { command, words = "", before, under = "", status = 0 }: OutputCase,
  format: string,
  { isTerminal = false, variables = "" }: How = {},
): Promise<string> {
  await before?.(node);
  const program = `${isTerminal ? inGuest(terminal) : ""} ${under} ${plugin}`;
  // The guest's own environment has NO_COLOR=1.
  const environment = `NO_COLOR= TERM=xterm ${variables}`;
  const outcome = await node.guest.execute(`${environment} ${program} ${command} ${words} ${format}`);
  const [stdout, stderr] = [outcome.stdout, outcome.stderr].map((text) => text.replaceAll(PROGRESS, ""));
  expect({ status: outcome.status, stderr }).toEqual({ status, stderr: "" });
  return stdout ?? "";
}
