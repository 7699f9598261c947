// The floors of C sources: a file uses only its own floor and those below it, and files do not use each other in a circle.
import { expect, test } from "vitest";
import { usesOf } from "../../support/c-sources.ts";
import { circlesOf } from "../../support/circles.ts";
import { textOf } from "../../support/documents.ts";

const hca = "vhca/module";

/** The floors of the virtual HCA's module from bottom to top, each with its header. device.h describes them. */
const floors = [
  ["params.h", "params.c"],
  ["device.h", "port.c", "vf.c", "counters.c"],
  ["fabric.h", "fabric.c"],
  ["memory.h", "mr.c"],
  ["queue.h", "queue.c", "cq.c", "srq.c"],
  ["verbs.h", "verbs.c", "sa.c", "datagram.c", "kernel.c"],
  ["user.h", "requests.c", "ud.c", "rdma.c", "send.c", "user.c"],
  ["hca.h", "qp.c", "pkeys.c", "pci.c"],
].map((names) => names.map((name) => `${hca}/${name}`));

test("the files of the virtual HCA's module use their own floor and those below it, without circles", () => {
  const uses = usesOf([hca]);
  expect([...uses.keys()].sort()).toEqual(floors.flat().sort());
  const level = (path: string) => floors.findIndex((floor) => floor.includes(path));
  const upward = Array.from(uses).flatMap(([path, used]) =>
    Array.from(used)
      .filter((each) => level(each) > level(path))
      .map((each) => `${path} uses ${each}`),
  );
  expect(upward).toEqual([]);
  expect(circlesOf(uses)).toEqual([]);
});

test("the comment of the module's lowest headers and its Kbuild list the same floors", () => {
  const comment = /\n \* The files are on floors\..*? \*\//s.exec(textOf(`${hca}/device.h`))?.[0] ?? "";
  const objects = textOf(`${hca}/Kbuild`).matchAll(/^vhca-y [:+]= (.*)$/gm);
  const listed = Array.from(objects, ([, files = ""]) => files.replaceAll(".o", ".c").split(" ").sort());
  expect(listed).toEqual(
    floors.map(([, ...files]) => files.map((path) => path.slice(hca.length + 1)).sort()),
  );
  for (const path of floors.flat()) expect(comment).toContain(path.slice(hca.length + 1));
});

test("the files of native/ do not use each other in a circle", () => {
  const uses = usesOf(["native/host", "native/engine", "native/startup"]);
  expect([...uses.values()].flatMap((used) => [...used]).length).toBeGreaterThan(70);
  expect(circlesOf(uses)).toEqual([]);
});
