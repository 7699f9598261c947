// The picture of docs/architecture.md: imports point down, and attachments do not know the real node.
import { readdirSync } from "node:fs";
import { dirname, normalize } from "node:path";
import { expect, test } from "vitest";
import { textOf } from "../../support/documents.ts";

/** What each part of src/ may import, besides itself. `host` is native/. */
const below: Readonly<Record<string, readonly string[]>> = {
  "main.ts": ["attachment-face.ts", "cli", "host"],
  "attachment-face.ts": ["attachment", "cni", "linux", "log", "network.ts", "node", "host"],
  cli: ["attachment", "cni", "infiniband", "linux", "log", "network.ts", "node", "host"],
  // What a call leaves behind of itself, once it is over.
  log: ["attachment", "cni", "node", "host"],
  "network.ts": ["network-guid.ts", "cni", "infiniband", "node"],
  "network-guid.ts": ["cni", "infiniband"],
  attachment: ["cni", "infiniband", "node"],
  linux: ["infiniband", "netlink", "node", "host"],
  netlink: ["infiniband", "host"],
  node: ["infiniband"],
  // Of the host the functions that ask nothing of a kernel.
  cni: ["host"],
  infiniband: [],
};

const partOf = (path: string) => path.split("/")[1] ?? "";

test("imports point down", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
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
