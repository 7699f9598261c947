// The layers of docs/explanation/architecture.md: imports point down, without cycles, and attachments do not import the real node.
import { readdirSync } from "node:fs";
import { dirname, normalize } from "node:path";
import { expect, test } from "vitest";
import { circlesOf } from "../../support/circles.ts";
import { textOf } from "../../support/documents.ts";

/** The folders of src/attachment/, from top to bottom: each may import those that come later. */
const attachment = [
  "cni-verbs",
  "admin",
  "go-plugin",
  "plan",
  "restore",
  "in-use",
  "steps",
  "context-of.ts",
  "vf",
  "ipam",
  "lock",
  "record",
].map((folder) => `attachment/${folder}`);

/** The parts of src/, and the folders that each may import besides itself. `host` is native/. */
const below: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["plugin.ts", "cli", "host"],
  "plugin.ts": ["attachment", ...attachment, "cni", "linux", "log", "network-config", "node", "host"],
  cli: [
    "attachment",
    ...attachment,
    "cni",
    "infiniband",
    "ip",
    "linux",
    "log",
    "network-config",
    "node",
    "host",
  ],
  // The log entry and the counters of a call are written when the call ends.
  log: ["attachment", ...attachment, "cni", "node", "host"],
  // The settings of an attachment have one schema for the configuration and the record.
  "network-config": ["attachment/record", "cni", "infiniband", "node"],
  ...Object.fromEntries(
    attachment.map((folder, i) => [
      folder,
      ["attachment", ...attachment.slice(i + 1), "cni", "infiniband", "ip", "node"],
    ]),
  ),
  // The files outside of the folders, which all of these use.
  attachment: ["cni", "infiniband", "node"],
  linux: ["infiniband", "ip", "netlink", "node", "host"],
  // Only types: messages are read into the values of the interfaces.
  netlink: ["infiniband", "ip", "node", "host"],
  node: ["infiniband", "ip"],
  // Only functions of the host that make no system call.
  cni: ["ip", "host"],
  infiniband: [],
  // Of the host only functions that make no system call.
  ip: ["host"],
};

/**
 * Returns the folder of src/, or of src/attachment/, that a file is in, or the file itself if it is in src/ or
 * is context-of.ts.
 */
function partOf(path: string): string {
  const [, part = "", inside = "", file] = path.split("/");
  const isPart = part === "attachment" && (file !== undefined || inside === "context-of.ts");
  return isPart ? `${part}/${inside}` : part;
}

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

/** Returns the paths that a file imports, and "host". */
function importsOf(path: string, isTypeCounted: boolean): string[] {
  const statements = textOf(path).matchAll(/^(?:import|export) (type )?[^;]*?from "(\.[^"]+|host)"/gm);
  return Array.from(statements)
    .filter(([, type]) => isTypeCounted || type === undefined)
    .map(([, , from = ""]) => (from === "host" ? from : normalize(`${dirname(path)}/${from}`)));
}

test("imports point down", () => {
  const wrong = files.flatMap((name) => {
    const path = `src/${name}`;
    const part = partOf(path);
    // The contexts and requests import the types of the locks and the record.
    const imported = importsOf(path, part !== "attachment").map((from) =>
      from === "host" ? from : partOf(from),
    );
    const allowed = [part, ...(below[part] ?? [])];
    return imported.filter((each) => !allowed.includes(each)).map((each) => `${path} imports ${each}`);
  });
  expect(files.length).toBeGreaterThan(100);
  expect(wrong).toEqual([]);
});

test("no folder has more than 18 files, and this test lists all parts of src/", () => {
  const folders = [...new Set(files.map((name) => dirname(name)))];
  const sizeOf = (folder: string) => files.filter((name) => dirname(name) === folder).length;
  expect(folders.filter((folder) => sizeOf(folder) > 18)).toEqual([]);
  expect([...new Set(files.map((name) => partOf(`src/${name}`)))].sort()).toEqual(Object.keys(below).sort());
});

test("no folder of the simulator has more than 18 files, and no file of it more than 300 lines", () => {
  const tests = readdirSync("test/simulator", { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const filesIn = (folder: string) => tests.filter((name) => dirname(name) === folder);
  const folders = [...new Set(tests.map((name) => dirname(name)))];
  expect(folders.filter((folder) => filesIn(folder).length > 18)).toEqual([]);
  const linesOf = (name: string) => textOf(`test/simulator/${name}`).split("\n").length - 1;
  expect(tests.filter((name) => linesOf(name) > 300)).toEqual([]);
});

// In a cycle, a file would use values that another file has not defined yet.
test("imports have no cycles, except of types", () => {
  const imports = new Map(files.map((name) => [`src/${name}`, importsOf(`src/${name}`, false)]));
  expect([...imports.values()].flat().length).toBeGreaterThan(300);
  expect(circlesOf(imports)).toEqual([]);
});
