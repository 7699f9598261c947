import { expect, test } from "vitest";
import { UsageError } from "../../../src/cli/command.ts";
import { parseInstallOptions } from "../../../src/cli/install/options.ts";

const defaults = { directory: "/host/opt/cni/bin", executable: undefined, stay: true, check: false };

test.each<[string, string[], object]>([
  ["nothing", [], defaults],
  ["two dashes", ["--no-sleep"], { ...defaults, stay: false }],
  ["one dash", ["-no-sleep"], { ...defaults, stay: false }],
  ["a value after =", ["--cni-bin-dir=/a=b"], { ...defaults, directory: "/a=b" }],
  ["an empty value", ["--cni-bin-dir="], { ...defaults, directory: "" }],
  ["a value in the next argument", ["-cni-bin-dir", "--no-sleep"], { ...defaults, directory: "--no-sleep" }],
  ["a file", ["--ib-sriov-cni-bin-file", "/f"], { ...defaults, executable: "/f" }],
  ["a flag twice: the last one", ["--no-sleep", "--no-sleep=false"], defaults],
  ["a boolean in words", ["--no-sleep=T"], { ...defaults, stay: false }],
  ["a boolean that is a number", ["--no-sleep=0"], defaults],
  ["a check", ["--check"], { ...defaults, check: true }],
  ["a check that is off", ["-check=false"], defaults],
  ["-- at the end", ["--no-sleep", "--"], { ...defaults, stay: false }],
])("options are parsed as Go parses flags: %s", (_what, words, options) => {
  expect(parseInstallOptions(words)).toEqual(options);
});

test.each(["-h", "-help", "--help"])("%s asks for help", (word) => {
  expect(parseInstallOptions(["--cni-bin-dir", "/x", word])).toBe("help");
});

test.each<[string[], string]>([
  [["--sleep"], "flag provided but not defined: -sleep"],
  [["--no-sleep=maybe"], 'invalid boolean value "maybe" for -no-sleep'],
  [["--cni-bin-dir"], "flag needs an argument: -cni-bin-dir"],
  [["x"], "unexpected argument: x"],
  [["--", "x"], "unexpected argument: --"],
  [["-"], "unexpected argument: -"],
  [["---no-sleep"], "unexpected argument: ---no-sleep"],
  [["--=x"], "unexpected argument: --=x"],
])("%j is refused", (words, message) => {
  expect(() => parseInstallOptions(words)).toThrow(new UsageError(message));
});
