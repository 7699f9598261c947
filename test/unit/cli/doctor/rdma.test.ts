import { describe, expect, test } from "vitest";
import { modeAfterReboot } from "../../../../src/cli/doctor/inputs/modprobe.ts";
import type { Network } from "../../../../src/cli/doctor/inputs/networks.ts";
import { rdmaMode } from "../../../../src/cli/doctor/rdma.ts";
import { aDoctorContext, summaries } from "./doctor-context.ts";

const conf = "/etc/modprobe.d/ib_core.conf";
const exclusive = "options ib_core netns_mode=0\n";
const ebusy = "fails with EBUSY while any other network namespace exists";

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
  return summaries(rdmaMode(aDoctorContext(texts, { networks: { networks, findings: [] } }, { rdma })));
}

describe("the mode of RDMA devices", () => {
  test("is the same after the next boot, and fits the networks", () => {
    const empty = { "/etc/modprobe.d/other.conf": "options ib_core other=0\n" };
    expect(examine(false, empty, sharing)).toEqual([
      ["ok rdma-mode-ok: RDMA devices are shared, also after a reboot"],
    ]);
    expect(examine(true, { [conf]: exclusive }, isolating)).toEqual([
      ["ok rdma-mode-ok: RDMA devices are exclusive, also after a reboot"],
    ]);
  });

  test("after the next boot is unknown if modprobe's files cannot be read", () => {
    expect(examine(true, {})).toEqual([
      [
        "skipped rdma-mode-unknown: RDMA devices are exclusive; the mode after a reboot cannot be seen from here",
      ],
    ]);
  });

  test("is shared, and a network isolates", () => {
    expect(examine(false, { [conf]: exclusive }, isolating, sharing)).toEqual([
      [
        "error rdma-mode-shared: own (/etc/cni/net.d/own.conf): rdmaIsolation is set, but RDMA devices are shared",
        "rdma system set netns exclusive",
        `(${ebusy}; in that case reboot with the mode below)`,
      ],
      [
        `warning rdma-mode-at-boot: RDMA devices are shared, after a reboot exclusive (${conf})`,
        "rdma system set netns exclusive",
        `(${ebusy})`,
      ],
    ]);
  });

  test("is exclusive, and a network does not isolate", () => {
    expect(examine(true, { [conf]: exclusive }, isolating, sharing)[0]).toEqual([
      "warning rdma-mode-exclusive: all (/etc/cni/net.d/all.conf): rdmaIsolation is not set, but RDMA devices are exclusive: pods have only IPoIB",
      `(set "rdmaIsolation": true, or run: rdma system set netns shared (${ebusy}))`,
    ]);
  });

  test("is exclusive, and a network is for virtual machines", () => {
    const machines = aNetwork("vm", { vfioPciMode: true });
    expect(examine(true, { [conf]: exclusive }, machines)).toEqual([
      ["ok rdma-mode-ok: RDMA devices are exclusive, also after a reboot"],
    ]);
  });

  const initramfs = "(if the initramfs loads ib_core, rebuild it (update-initramfs -u, dracut -f))";
  test.each([
    [
      "no file sets it",
      { "/etc/modprobe.d/other.conf": "" },
      "warning rdma-mode-at-boot: RDMA devices are exclusive, after a reboot shared",
      ['echo "options ib_core netns_mode=0" >>/etc/modprobe.d/ib-sriov.conf', initramfs],
    ],
    [
      "a file of the administrator sets another mode",
      { [conf]: "options ib_core netns_mode=1" },
      `warning rdma-mode-at-boot: RDMA devices are exclusive, after a reboot shared (${conf})`,
      [`printf '\\noptions ib_core netns_mode=0\\n' >>${conf}`, initramfs],
    ],
    [
      "a file of the distribution sets another mode",
      { "/lib/modprobe.d/x.conf": "options ib_core netns_mode=1" },
      "warning rdma-mode-at-boot: RDMA devices are exclusive, after a reboot shared (/lib/modprobe.d/x.conf)",
      [
        "{ cat /lib/modprobe.d/x.conf; printf '\\noptions ib_core netns_mode=0\\n'; } >/etc/modprobe.d/x.conf",
        initramfs,
      ],
    ],
    [
      "the kernel's command line sets another mode",
      { [conf]: exclusive, "/proc/cmdline": "quiet ib_core.netns_mode=1" },
      "warning rdma-mode-at-boot: RDMA devices are exclusive, after a reboot shared (/proc/cmdline)",
      ["(remove ib_core.netns_mode from the kernel's command line)"],
    ],
  ])("is exclusive until a reboot: %s", (_, texts, found, remedy) => {
    expect(examine(true, texts, isolating)).toEqual([[found, ...remedy]]);
  });

  test("is changed at boot only if a network needs that", () => {
    const other = { "/etc/modprobe.d/other.conf": "" };
    expect(examine(true, other)[0]?.slice(1)).toEqual([
      `(if the exclusive mode is to stay: echo "options ib_core netns_mode=0" >>/etc/modprobe.d/ib-sriov.conf; ${initramfs.slice(1)}`,
    ]);
    expect(examine(false, { [conf]: exclusive }, sharing)[0]?.slice(1)).toEqual([
      `(remove netns_mode from ${conf}, or set "rdmaIsolation": true in all networks)`,
    ]);
  });
});

describe("the options that ib_core will be loaded with", () => {
  const mode = (texts: Record<string, string>) => modeAfterReboot(aDoctorContext(texts));

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
  ])("none, by %j", (text) => {
    expect(mode({ [conf]: text })).toEqual({ isExclusive: false, file: undefined });
  });

  test("of files with the same name the first counts, else the last, and the command line overrides all", () => {
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
