import { expect, test } from "vitest";
import { recordDocument } from "../../../../src/attachment/record/record-document.ts";
import { STATE_DIRECTORY } from "../../../../src/attachment/record/state-directory.ts";
import { attachmentsOf } from "../../../../src/cli/attachments/attachments.ts";
import { NamespaceError } from "../../../../src/node/namespaces.ts";
import { partialNode } from "../../../support/partial-node.ts";
import { aRecord } from "../../../support/records.ts";

test("an attachment whose namespace cannot be examined hides no other", () => {
  const names = ["c1", "c2"];
  const text = (containerId: string) =>
    recordDocument(aRecord({ state: "complete", containerId, netns: `/run/netns/${containerId}` }), "ib0");
  const node = partialNode({
    files: {
      list: (path) => (path === STATE_DIRECTORY ? names.map((name) => `${name}-net1`) : []),
      read: (path) => text(path.includes("c1") ? "c1" : "c2"),
    },
    namespaces: {
      open: (path) => {
        if (path.includes("c1"))
          throw Object.assign(new Error(`open ${path}: I/O error (EIO)`), { code: "EIO" });
        throw new NamespaceError("gone", path, "");
      },
    },
  });
  expect(attachmentsOf(node)).toMatchObject([
    {
      name: { containerId: "c1" },
      condition: "unreadable",
      unreadable: "cannot examine it: open /run/netns/c1: I/O error (EIO)",
    },
    { name: { containerId: "c2" }, condition: "orphaned" },
  ]);
});
