import { afterEach, describe, expect, test, vi } from "vitest";
import { type ReportedFinding, textOf, verdictOf } from "../../../../src/cli/doctor/report.ts";

afterEach(() => vi.unstubAllEnvs());

const findings: ReportedFinding[] = [
  { subject: "kernel", id: "kernel-ok", level: "ok", found: "Linux 6.12" },
  { subject: "network", id: "network-none", level: "skipped", found: "no network can be seen" },
  {
    subject: "VF",
    id: "vf-mtu",
    level: "warning",
    found: "the MTU of the netdev of this VF is not as expected by others, for reasons of this test",
    command: `ip link set ${"x".repeat(40)} mtu 2044 # this command is not wrapped\nip link`,
    advice: "or leave it",
  },
];

test("the text has the ID of each finding, its remedy below, and a verdict", () => {
  vi.stubEnv("COLUMNS", "");
  expect(textOf(findings).split("\n")).toEqual([
    "ok       kernel-ok     Linux 6.12",
    "skipped  network-none  no network can be seen",
    "warning  vf-mtu        the MTU of the netdev of this VF is not as expected by others, for reasons of",
    "                       this test",
    `         ip link set ${"x".repeat(40)} mtu 2044 # this command is not wrapped`,
    "                       ip link",
    "                       (or leave it)",
    "",
    "Pods can be attached: 0 errors, 1 warning",
  ]);
});

test.each([40, 45, 62, 63, 64, 80, 100, 200])("the text fits into %i columns, except commands", (columns) => {
  vi.stubEnv("COLUMNS", String(columns));
  const lines = textOf(findings).split("\n");
  expect(lines.filter((line) => line.length > columns && !line.includes("xxx"))).toEqual([]);
  expect(lines.some((line) => line.trim() === findings[2]?.command?.split("\n")[0])).toBe(true);
  const words = (text: string) => text.split(/\s+/).filter(Boolean).sort();
  expect(words(lines.join(" "))).toEqual(
    words(
      [
        ...findings.map(({ level, id, found, command = "" }) => `${level} ${id} ${found} ${command}`),
        "(or leave it) Pods can be attached: 0 errors, 1 warning",
      ].join(" "),
    ),
  );
});

test("below 40 columns the text does not become narrower", () => {
  vi.stubEnv("COLUMNS", "20");
  const text = textOf(findings);
  vi.stubEnv("COLUMNS", "40");
  expect(text).toBe(textOf(findings));
});

test.each(["0", "-5", "wide", "1e3"])("COLUMNS=%s is ignored", (columns) => {
  vi.stubEnv("COLUMNS", columns);
  const text = textOf(findings);
  vi.stubEnv("COLUMNS", "100");
  expect(text).toBe(textOf(findings));
});

test("control characters in names do not reach a terminal", () => {
  const text = textOf([
    {
      subject: "VF",
      id: "vf-ok",
      level: "error",
      found: "a\x1b[2Jb\x9bc\nd\x7fé\u{1f980}",
      command: "e\x1bf",
    },
  ]);
  expect(text).toBe(
    "error    vf-ok  a\\u001b[2Jb\\u009bc\\u000ad\\u007fé\u{1f980}\n                e\\u001bf\n\nNot all pods can be attached: 1 error, 0 warnings",
  );
});

describe("the verdict", () => {
  const verdict = (...levels: ReportedFinding["level"][]) =>
    verdictOf(levels.map((level) => ({ id: "vf-ok", level, found: "" })));

  test("depends on errors", () => {
    expect(verdict()).toBe("Pods can be attached");
    expect(verdict("ok", "skipped", "warning")).toBe("Pods can be attached");
    expect(verdict("warning", "error")).toBe("Not all pods can be attached");
  });

  test("names the condition if no VF has a GUID", () => {
    expect(verdictOf([{ id: "guid-none", level: "warning", found: "" }])).toBe(
      "Pods can be attached only to networks that set a GUID",
    );
    expect(verdictOf([{ id: "guid-none", level: "error", found: "" }])).toBe("Not all pods can be attached");
  });
});
