import { describe, expect, test } from "vitest";
import { type Command, parseArguments, UsageError } from "../../../src/cli/command.ts";
import { overview, usageOf } from "../../../src/cli/usage.ts";

const command: Command = {
  name: "attachments release",
  parameters: ["CONTAINER", "INTERFACE"],
  summary: "Takes a VF back",
  details: "More about it.",
  examples: [["ib-sriov attachments release c1 net1", "releases the VF of net1"]],
  options: [
    { name: "force", summary: "also from a running pod" },
    { name: "file", letter: "f", value: "FILE", summary: "where to" },
    { name: "color", value: "COLOR", values: ["red", "green"], summary: "which color" },
  ],
  run: () => 0,
};
const parsed = (...words: string[]) => {
  const call = parseArguments(command, words);
  return call === "help" ? call : { words: call.words, options: Object.fromEntries(call.options) };
};

describe("the arguments of a command", () => {
  test.each([
    [["c1", "net1"], {}],
    [["--force", "c1", "net1"], { force: "" }],
    [["c1", "--file", "a=b", "net1", "--force"], { file: "a=b", force: "" }],
    [["c1", "net1", "--file=x=y"], { file: "x=y" }],
    [["c1", "net1", "--file="], { file: "" }],
    [["-f", "x", "c1", "net1"], { file: "x" }],
    [["-fx", "c1", "net1"], { file: "x" }],
    [["-f=x", "c1", "net1", "--color", "red"], { file: "x", color: "red" }],
  ])("%j", (words, options) => {
    expect(parsed(...words)).toEqual({ words: ["c1", "net1"], options });
  });

  test("after -- nothing is an option", () => {
    expect(parsed("--force", "--", "-", "--help")).toEqual({
      words: ["-", "--help"],
      options: { force: "" },
    });
  });

  test.each(["--help", "-h"])("%s asks for help, even if a parameter is missing", (word) => {
    expect(parsed(word)).toBe("help");
  });

  test.each([
    [["c1"], "INTERFACE is missing"],
    [["c1", "net1", "x"], "unexpected argument: x"],
    [["c1", "net1", "--nope"], "unknown option: --nope"],
    [["c1", "net1", "--forced"], "unknown option: --forced; did you mean '--force'?"],
    [["c1", "net1", "-x"], "unknown option: -x"],
    [["c1", "net1", "-f"], "-f needs a value: FILE"],
    [
      ["c1", "net1", "--color", "greens"],
      "invalid value of --color: greens; expected red, green; did you mean 'green'?",
    ],
    [["c1", "net1", "-nope"], "unknown option: -nope"],
    [["c1", "net1", "--force=yes"], "--force takes no value"],
    [["c1", "net1", "--file"], "--file needs a value: FILE"],
  ])("%j: %s", (words, message) => {
    expect(() => parsed(...words)).toThrow(new UsageError(message));
  });
});

test.each([[[]], [["a"]], [["a", "b", "c"]]])("any number of arguments: %j", (words: string[]) => {
  const many = { ...command, parameters: ["[VF…]"], options: [] };
  expect(parseArguments(many, words)).toEqual({ words, options: new Map() });
});

test("at least one argument", () => {
  const some = { ...command, parameters: ["VF…"], options: [] };
  expect(parseArguments(some, ["a", "b"])).toEqual({ words: ["a", "b"], options: new Map() });
  expect(() => parseArguments(some, [])).toThrow(new UsageError("VF… is missing"));
});

test("the help of a command names its parameters and options", () => {
  expect(usageOf(command)).toBe(`Takes a VF back.

More about it.

Usage:
  ib-sriov attachments release CONTAINER INTERFACE [options]

Options:
      --force        also from a running pod
  -f, --file FILE    where to
      --color COLOR  which color
  -h, --help         prints this text

Examples:
  ib-sriov attachments release c1 net1
      releases the VF of net1
`);
});

test("the overview has a line for each command", () => {
  expect(overview([command, { ...command, name: "list", summary: "Shows all" }])).toContain(
    "  attachments release  Takes a VF back\n  list                 Shows all\n",
  );
});
