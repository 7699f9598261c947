// The picture of docs/architecture.md: imports point down, in no circles, and attachments do not know the real node.
import { readdirSync } from "node:fs";
import { dirname, normalize } from "node:path";
import { expect, test } from "vitest";
import { textOf } from "../../support/documents.ts";

/** What each part of src/ may import, besides itself. `host` is native/. */
const below: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["attachment-face.ts", "cli", "host"],
  "attachment-face.ts": ["attachment", "cni", "linux", "log", "network.ts", "node", "host"],
  cli: ["attachment", "cni", "infiniband", "linux", "log", "network.ts", "network-keys.ts", "node", "host"],
  // What a call leaves behind of itself, once it is over.
  log: ["attachment", "cni", "node", "host"],
  "network.ts": ["network-guid.ts", "network-keys.ts", "cni", "infiniband", "node"],
  "network-guid.ts": ["cni", "infiniband"],
  "network-keys.ts": ["cni"],
  attachment: ["cni", "infiniband", "node"],
  linux: ["infiniband", "netlink", "node", "host"],
  netlink: ["infiniband", "host"],
  node: ["infiniband"],
  // Of the host the functions that ask nothing of a kernel.
  cni: ["host"],
  infiniband: [],
};

const partOf = (path: string) => path.split("/")[1] ?? "";

const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) =>
  name.endsWith(".ts"),
);

test("imports point down", () => {
  const wrong = files.flatMap((name) => {
    const path = `src/${name}`;
    const imported = Array.from(textOf(path).matchAll(/from "(\.[^"]+|host)"/g), ([, from = ""]) =>
      from === "host" ? from : partOf(normalize(`${dirname(path)}/${from}`)),
    );
    const allowed = [partOf(path), ...(below[partOf(path)] ?? [])];
    return imported.filter((part) => !allowed.includes(part)).map((part) => `${path} imports ${part}`);
  });
  expect(files.length).toBeGreaterThan(100);
  expect(wrong).toEqual([]);
});

// In a circle one file would use what another has not defined yet.
test("no file imports itself, by way of others, but for types", () => {
  const imports = new Map(
    files.map((name) => [
      `src/${name}`,
      Array.from(
        textOf(`src/${name}`).matchAll(/^(?:import|export) (?!type )[^;]*? from "(\.[^"]+)"/gm),
        ([, from = ""]) => normalize(`${dirname(`src/${name}`)}/${from}`),
      ),
    ]),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const follow = (path: string, way: readonly string[]) => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(" > "));
    if (done.has(path)) return;
    done.add(path);
    for (const next of imports.get(path) ?? []) follow(next, [...way, path]);
  };
  for (const path of imports.keys()) follow(path, []);
  expect([...imports.values()].flat().length).toBeGreaterThan(300);
  expect(circles).toEqual([]);
});
