import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import { records, stateDirectory } from "../../../../src/cli/doctor/state.ts";
import { aDoctorContext, aLink, summaries } from "./doctor-context.ts";

const root = "/var/lib/cni/ib-sriov";

describe("the state directory", () => {
  /** A node whose file system refuses access. */
  function refusing(code: string, texts: Record<string, string> = {}) {
    const context = aDoctorContext(texts);
    const requireWritable = () => {
      throw Object.assign(new Error(`access: (${code})`), { code });
    };
    return summaries(
      stateDirectory({
        ...context,
        node: { ...context.node, files: withWritable(context, requireWritable) },
      }),
    );
  }
  const withWritable = ({ node }: ReturnType<typeof aDoctorContext>, requireWritable: () => void) =>
    Object.assign(Object.create(node.files) as typeof node.files, { requireWritable });

  test("that is writable", () => {
    expect(summaries(stateDirectory(aDoctorContext({ [`${root}/.vf/x`]: "" })))).toEqual([
      [`ok state-ok: ${root} can be written to`],
    ]);
  });

  test.each([
    ["the root", "22 1 0:1 / / rw - rootfs none rw\n", "/"],
    [
      "its own mount",
      "22 1 0:1 / / rw - x x rw\n23 22 0:2 / /var/lib rw - x x rw\n24 22 0:3 / /var/lib/cni ro - x x rw",
      "/var/lib/cni",
    ],
    ["not its neighbor's", "23 1 0:1 / /var/lib/cni/ib rw - x x rw", "/"],
    ["the directory's own", "24 1 0:3 / /var/lib/cni/ib-sriov ro - x x rw\n", root],
  ])("on a read-only file system: %s", (_, mountinfo, point) => {
    expect(refusing("EROFS", { "/proc/self/mountinfo": mountinfo })).toEqual([
      [
        `error state-not-writable: ${root} cannot be written to: access: (EROFS)`,
        `mount -o remount,rw ${point}`,
        "(until the next boot; see the options of the mount in /etc/fstab)",
      ],
    ]);
  });

  test("on a file system that the kernel may have made read-only after an error", () => {
    const mountinfo =
      "24 1 0:3 / /var/lib\\040x rw - x x rw\n25 1 0:3 / /var/lib rw - x x ro,errors=remount-ro";
    expect(refusing("EROFS", { "/proc/self/mountinfo": mountinfo })[0]?.slice(1)).toEqual([
      "(if dmesg shows no error of the file system: mount -o remount,rw /var/lib)",
    ]);
  });

  test.each(["/var/lib/cni", root])("that is a file: %s", (path) => {
    expect(refusing("ENOTDIR", { [path]: "" })[0]?.[1]).toBe(`mv ${path} ${path}.old`);
    expect(refusing("ENOTDIR", { [path]: "", [`${path}.old`]: "" })[0]?.[1]).toBe(
      `mv ${path} ${path}.old.old`,
    );
  });

  test("with a file in place of the directory of its locks", () => {
    expect(refusing("ENOTDIR")[0]?.[1]).toBe(`mv ${root}/.vf ${root}/.vf.old`);
  });

  test("on a full file system, or without permission", () => {
    expect(refusing("ENOSPC")[0]?.[1]).toBe(`(make room there: df ${root}; df -i ${root})`);
    expect(refusing("EACCES")[0]?.[1]).toBe(
      "(check the permissions of the directory, and the security module (dmesg))",
    );
  });
});

describe("records", () => {
  const attached: ListedAttachment = {
    path: `${root}/c1-net1`,
    condition: "attached",
    name: { containerId: "c1", ifname: "net1" },
    pci: "0000:03:00.2",
    pod: undefined,
    network: "mynet",
    netns: "/run/netns/c1",
    since: undefined,
    record: undefined,
    goCache: undefined,
  };
  const foreign: ListedAttachment = { ...attached, condition: "go-plugin" };
  const examine = (all: readonly ListedAttachment[] | undefined, texts = {}, parts = {}) =>
    summaries(records(aDoctorContext(texts, { attached: all }, parts)));

  test("of running attachments are counted", () => {
    expect(examine([])).toEqual([["ok records-ok: 0 attachments"]]);
    expect(examine([attached, { ...attached, condition: "in progress" }])).toEqual([
      ["ok records-ok: 2 attachments"],
    ]);
    expect(examine(undefined)).toEqual([]);
  });

  test("of orphaned and broken attachments are for gc", () => {
    const dead: ListedAttachment = { ...attached, condition: "orphaned" };
    const broken: ListedAttachment = { ...attached, condition: "undo-failed", pod: "default/trainer" };
    expect(examine([dead, attached, broken])).toEqual([
      [
        "warning record-left: left behind: orphaned: c1 net1, undo-failed: default/trainer (c1) net1",
        "ib-sriov gc",
      ],
    ]);
  });

  test("whose VF was destroyed are named with a remedy", () => {
    expect(examine([{ ...attached, condition: "destroyed" }])).toEqual([
      [
        "warning vf-destroyed: VF 0000:03:00.2 was destroyed while it was attached: c1 net1",
        "(restart the pod: it gets another VF, and the DEL of this one releases its lease)",
      ],
    ]);
  });

  test("of which only the lease remains are for gc", () => {
    expect(examine([], { [`${root}/.leases/0000:03:00.2-1`]: "{}" })).toEqual([
      [
        "warning lease-unreleased: leases of orphaned attachments that are not released yet: 1",
        "ib-sriov gc",
      ],
    ]);
  });

  test("that cannot be read can be moved away", () => {
    const reason = "it holds no record";
    const unreadable: ListedAttachment = {
      ...attached,
      condition: "unreadable",
      name: undefined,
      path: `${root}/a b`,
      unreadable: reason,
    };
    expect(examine([unreadable])).toEqual([
      [
        `warning record-unreadable: ${root}/a b cannot be read (${reason}): an ADD of that name is refused`,
        `mv '${root}/a b' '${root}-a b.old'`,
      ],
    ]);
  });

  test("that cannot be read keep a VF whose lock file names them", () => {
    const unreadable: ListedAttachment = {
      ...attached,
      condition: "unreadable",
      unreadable: "it has format 2",
    };
    const { path, name, pci } = attached;
    expect(examine([unreadable])).toEqual([
      [
        `warning record-unreadable: ${path} cannot be read (it has format 2): VF ${pci} stays with container ${name?.containerId}`,
        "(if the container has ended, and nothing calls DEL: ib-sriov attachments release c1 net1 --force)",
      ],
    ]);
  });

  test("of the Go plugin count if the VF is in the container", () => {
    expect(examine([foreign, attached])).toEqual([
      ["ok records-ok: 2 attachments; those of the Go plugin are detached by DEL, too"],
    ]);
  });

  test.each([
    ["home again", { links: { ofFunction: () => [aLink("ib1")] } }],
    ["gone", { functions: { driver: () => undefined } }],
  ])("of the Go plugin whose VF is %s are undone with their content as the configuration", (_, parts) => {
    expect(examine([foreign], {}, parts)).toEqual([
      [
        `warning record-go-plugin: ${root}/c1-net1 is the Go plugin's, and VF 0000:03:00.2 is not in that container`,
        `CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin ib-sriov <${root}/c1-net1`,
      ],
    ]);
  });

  test("of the Go plugin whose VF is gone, without a container's name, can be moved away", () => {
    const parts = { functions: { driver: () => undefined } };
    expect(examine([{ ...foreign, name: undefined }], {}, parts)[0]?.[1]).toBe(
      `mv ${root}/c1-net1 ${root}-c1-net1.old`,
    );
  });
});
