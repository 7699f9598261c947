import { describe, expect, test } from "vitest";
import { modeAfterReboot } from "../../../../src/cli/doctor/modprobe.ts";
import type { Network } from "../../../../src/cli/doctor/networks.ts";
import { rdmaMode } from "../../../../src/cli/doctor/rdma.ts";
import { aPatient, told } from "./patient.ts";

const conf = "/etc/modprobe.d/ib_core.conf";
const exclusive = "options ib_core netns_mode=0\n";
const ebusy = "EBUSY as long as there is any other network namespace";

const aNetwork = (name: string, document: Network["document"]): Network => ({
  name,
  file: `/etc/cni/net.d/${name}.conf`,
  document,
  chain: ["ib-sriov"],
  cniPath: "/opt/cni/bin",
});
const isolating = aNetwork("own", { rdmaIsolation: true });
const sharing = aNetwork("all", {});

function examine(isExclusive: boolean, texts: Record<string, string>, ...networks: Network[]) {
  const rdma = { isExclusive: () => isExclusive };
  return told(rdmaMode(aPatient(texts, { networks: { networks, findings: [] } }, { rdma })));
}

describe("the mode of RDMA devices", () => {
  test("is what it will be, and what networks want", () => {
    const empty = { "/etc/modprobe.d/other.conf": "options ib_core other=0\n" };
    expect(examine(false, empty, sharing)).toEqual([["ok: shared, also after a reboot"]]);
    expect(examine(true, { [conf]: exclusive }, isolating)).toEqual([["ok: exclusive, also after a reboot"]]);
  });

  test("cannot be foretold where modprobe's files are not", () => {
    expect(examine(true, {})).toEqual([
      ["unknown: exclusive; what they are after a reboot cannot be seen from here"],
    ]);
  });

  test("is shared, and a network isolates", () => {
    expect(examine(false, { [conf]: exclusive }, isolating, sharing)).toEqual([
      [
        "error: own (/etc/cni/net.d/own.conf) with rdmaIsolation, and RDMA devices are shared",
        "rdma system set netns exclusive",
        `(${ebusy}; then after a reboot)`,
      ],
      [
        `warning: shared, after a reboot exclusive (${conf})`,
        "rdma system set netns exclusive",
        `(${ebusy})`,
      ],
    ]);
  });

  test("is exclusive, and a network does not isolate", () => {
    expect(examine(true, { [conf]: exclusive }, isolating, sharing)[0]).toEqual([
      "warning: all (/etc/cni/net.d/all.conf) without rdmaIsolation, and RDMA devices are exclusive: pods have IPoIB only",
      `(set "rdmaIsolation": true there, or: rdma system set netns shared (${ebusy}))`,
    ]);
  });

  test("is exclusive, and a network is for virtual machines", () => {
    const machines = aNetwork("vm", { vfioPciMode: true });
    expect(examine(true, { [conf]: exclusive }, machines)).toEqual([["ok: exclusive, also after a reboot"]]);
  });

  const initramfs = "(where the initramfs loads ib_core, make it anew (update-initramfs -u, dracut -f))";
  test.each([
    [
      "no file says so",
      { "/etc/modprobe.d/other.conf": "" },
      "warning: exclusive, after a reboot shared",
      [`echo "options ib_core netns_mode=0" >${conf}`, initramfs],
    ],
    [
      "a file says otherwise",
      { "/lib/modprobe.d/x.conf": "options ib_core netns_mode=1" },
      "warning: exclusive, after a reboot shared (/lib/modprobe.d/x.conf)",
      ["sed -i 's/\\(netns_mode=\\)[^ ]*/\\10/g' /lib/modprobe.d/x.conf", initramfs],
    ],
    [
      "the kernel's command line says otherwise",
      { [conf]: exclusive, "/proc/cmdline": "quiet ib_core.netns_mode=1" },
      "warning: exclusive, after a reboot shared (/proc/cmdline)",
      ["(take ib_core.netns_mode out of the kernel's command line)"],
    ],
  ])("is exclusive until a reboot: %s", (_, texts, found, remedy) => {
    expect(examine(true, texts)).toEqual([[found, ...remedy]]);
  });
});

describe("what ib_core will be loaded with", () => {
  const mode = (texts: Record<string, string>) => modeAfterReboot(aPatient(texts));

  test.each([
    ["options ib_core netns_mode=0", true],
    ["  options ib-core recv_queue_size=1 netns_mode=N", true],
    ['options ib_core netns_mode="n"', true],
    ["options ib_core netns_mode=off", true],
    ["options ib_core netns_mode=1", false],
    ["options ib_core netns_mode=Y", false],
    ["options ib_core netns_mode=on", false],
    ["options ib_core netns_mode=0 netns_mode=1", false],
    ["options ib_core netns_mode=0\noptions ib_core netns_mode=1\n", false],
  ])("%j", (text, isExclusive) => {
    expect(mode({ [conf]: text })).toEqual({ isExclusive, file: conf });
  });

  test.each([
    "",
    "# options ib_core netns_mode=0",
    "# ib_core.netns_mode=0",
    "options ib_core_other netns_mode=0",
    "options ib_core my_netns_mode=0",
    "softdep ib_core pre: netns_mode=0",
  ])("nothing, by %j", (text) => {
    expect(mode({ [conf]: text })).toEqual({ isExclusive: false, file: undefined });
  });

  test("of two files of one name the first counts, of others the last, and the command line most", () => {
    const shared = "options ib_core netns_mode=1";
    const texts = {
      "/etc/modprobe.d/a.conf": exclusive,
      "/usr/lib/modprobe.d/a.conf": shared,
      "/etc/modprobe.d/z.txt": shared,
    };
    expect(mode(texts)).toEqual({ isExclusive: true, file: "/etc/modprobe.d/a.conf" });
    expect(mode({ ...texts, "/lib/modprobe.d/b.conf": shared })).toEqual({
      isExclusive: false,
      file: "/lib/modprobe.d/b.conf",
    });
    const line = "BOOT_IMAGE=/vmlinuz ib_core.netns_mode=1 ib_core.netns_mode=0 quiet";
    expect(mode({ [conf]: shared, "/proc/cmdline": line })).toEqual({
      isExclusive: true,
      file: "/proc/cmdline",
    });
  });
});
