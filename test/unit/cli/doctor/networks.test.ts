import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import { networksOf } from "../../../../src/cli/doctor/inputs/networks.ts";
import { networkChecks } from "../../../../src/cli/doctor/network-checks.ts";
import { ownPlugin, pluginDirectoryOf } from "../../../../src/cli/doctor/plugins.ts";
import { TimeoutError } from "../../../../src/node/clock.ts";
import type { Link } from "../../../../src/node/links.ts";
import type { Child, ChildCommand } from "../../../../src/node/processes.ts";
import { aLinkSettings, aRecord } from "../../../support/records.ts";
import { aDoctorContext, aLink, aPf, summaries } from "./doctor-context.ts";

const directory = "/etc/cni/net.d";
const ownNetwork = { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", ipam: { type: "host-local" } };
const hostLocal = "/opt/cni/bin/host-local";
const versionAnswer = (...supportedVersions: string[]) =>
  JSON.stringify({ cniVersion: "1.0.0", supportedVersions });

/** Attachments of ADDs with the given configurations. */
function attachedWith(...stdins: string[]): ListedAttachment[] {
  return stdins.map((stdin, i) => ({
    path: `/var/lib/cni/ib-sriov/c${i}-net1`,
    condition: "attached",
    name: undefined,
    pci: undefined,
    pod: undefined,
    network: undefined,
    netns: undefined,
    since: undefined,
    record: aRecord({ call: { stdin, args: "", path: "/recorded" } }),
    goCache: undefined,
  }));
}

/** IPAM plugins that print the given texts. */
function processes(answers: Record<string, string>, started: ChildCommand[] = []) {
  return {
    start: (command: ChildCommand): Child => {
      started.push(command);
      return {
        wait: () => ({ status: 0, signal: 0, stdout: answers[command.path] ?? "", stderr: "" }),
        kill() {},
      };
    },
  };
}

function examine(
  documents: Record<string, unknown>,
  more: {
    attached?: ListedAttachment[];
    plugins?: Record<string, string>;
    cniPath?: string;
    isExclusive?: boolean;
  } = {},
) {
  const {
    attached = [],
    plugins = { [hostLocal]: versionAnswer("0.4.0", "1.0.0") },
    cniPath = "/opt/cni/bin",
    isExclusive = false,
  } = more;
  const texts = Object.entries(documents).map(([name, each]) => [
    `${directory}/${name}`,
    typeof each === "string" ? each : JSON.stringify(each),
  ]);
  const context = aDoctorContext(
    { ...Object.fromEntries(texts), ...plugins },
    { cniPath },
    { processes: processes(plugins), clock: { now: () => 0 }, rdma: { isExclusive: () => isExclusive } },
  );
  const networks = networksOf(context, attached, context);
  return summaries(networkChecks({ ...context, networks }));
}

test("only networks of ib-sriov are examined, alone or in a list", () => {
  const { name, cniVersion, ...plugin } = ownNetwork;
  const found = examine({
    "10-a.conf": ownNetwork,
    "20-b.conflist": { name: "listed", cniVersion, plugins: [plugin, { type: "tuning" }] },
    "30-c.json": { name: "bare", type: "ib-sriov" },
    "40-d.conf": { ...ownNetwork, type: "bridge", name },
    "50-e.txt": ownNetwork,
  });
  expect(found).toEqual([
    [`ok network-ok: mynet (${directory}/10-a.conf), addresses by ${hostLocal}`],
    [`ok network-ok: listed (${directory}/20-b.conflist), addresses by ${hostLocal}`],
    [`ok network-ok: bare (${directory}/30-c.json), without addresses`],
  ]);
});

test("keys that resemble known ones are a warning, in the runtime's files and in the configuration of an ADD", () => {
  const { name, cniVersion, ...plugin } = ownNetwork;
  const list = { name, cniVersion, plugins: [{ ...plugin, linkState: "enable", GUID: "auto" }] };
  const stdin = JSON.stringify({ ...ownNetwork, name: "other", runtimeConfig: { mac: "02:00:00:00:00:01" } });
  const found = examine({ "10-a.conflist": list }, { attached: attachedWith(stdin), cniPath: "/recorded" });
  const doubts = found.filter(([text]) => text?.startsWith("warning"));
  expect(doubts).toEqual([
    [
      `warning network-key: mynet (${directory}/10-a.conflist): network configuration: key linkState is ignored; use link_state`,
      "(correct the file)",
    ],
    [
      `warning network-key: mynet (${directory}/10-a.conflist): network configuration: key GUID is read as guid; use that spelling`,
      "(correct the file)",
    ],
    [
      expect.stringMatching(
        /^warning network-key: other \(.*c0-net1\): network configuration: runtimeConfig\.mac is ignored/,
      ),
      "(correct the file)",
    ],
  ]);
});

test("without networks the finding names the directory that was searched", () => {
  const kubernetes = "NetworkAttachmentDefinitions are in Kubernetes, and not checked";
  expect(examine({ "10-a.conf": { type: "bridge" } })).toEqual([
    [`skipped network-none: no network of type ib-sriov in ${directory}; ${kubernetes}`],
  ]);
  expect(examine({})).toEqual([
    [`skipped network-none: no network can be seen from here: ${directory} does not exist; ${kubernetes}`],
  ]);
});

test.each([
  ["", " is empty"],
  ['{"type": "ib-sriov",', ", line 1, column 21: unexpected end"],
  ["\n{", ", line 2, column 2: unexpected end"],
  ['{"type": "bridge",\n  "name": "a",\n}', ", line 3, column 1: unexpected '}'"],
  ["[1]", " is not a JSON object"],
  // The parser refuses it, although it is JSON.
  ["[".repeat(600) + "]".repeat(600), " is not a JSON object"],
])("a configuration of any type that is not a JSON object is an error: %j", (text, found) => {
  expect(examine({ "10-a.conf": text })).toEqual([
    [
      `error network-json: ${directory}/10-a.conf${found}`,
      "(correct the file, or remove it: runtimes refuse it)",
    ],
  ]);
});

describe("an MTU", () => {
  const withMtu = (mtu: unknown, netdevs: Partial<Link>[] = [{}]) => {
    const context = aDoctorContext(
      { [`${directory}/10-a.conf`]: JSON.stringify({ ...ownNetwork, ipam: {}, mtu }) },
      { pfs: netdevs.map((changes) => aPf([], { netdev: aLink("ib0", changes) })) },
    );
    return summaries(networkChecks({ ...context, networks: networksOf(context, [], context) }))[0];
  };
  const which = `mynet (${directory}/10-a.conf)`;

  test("that no InfiniBand port allows is an error", () => {
    expect(withMtu(9000)).toEqual([
      `error network-mtu: ${which} has MTU 9000: InfiniBand ports allow at most 4092 in datagram mode`,
      "(lower mtu in the network)",
    ]);
  });

  test("above those of all netdevs is a warning", () => {
    expect(withMtu(4092, [{ mtu: 1500 }, { mtu: 2044 }])).toEqual([
      `warning network-mtu: ${which} has MTU 4092, but no PF and no VF of this node has more than 2044`,
      "(lower mtu in the network, or raise the MTU of the port and of the subnet (OpenSM: partitions.conf))",
    ]);
  });

  test.each([
    ["allowed", 2044, undefined],
    ["unknown: no netdev", 4092, []],
    ["of connected mode", 65_520, [{ settings: { ...aLinkSettings, mode: 1 } }]],
  ])("that is %s is ok", (_, mtu, netdevs) => {
    expect(withMtu(mtu, netdevs)?.[0]).toMatch(/^ok/);
  });
});

test("the networks of attachments are examined once each, with the CNI_PATH of their ADD", () => {
  const kubernetes = expect.arrayContaining([expect.stringMatching(/^skipped network-none/)]);
  const stdin = JSON.stringify(ownNetwork);
  expect(examine({}, { attached: attachedWith(stdin, stdin, "{") })).toEqual([
    kubernetes,
    [
      'error ipam-missing: mynet (/var/lib/cni/ib-sriov/c0-net1): failed to find plugin "host-local" in path [/recorded]',
      "mkdir -p /recorded\ncp /opt/cni/bin/host-local /recorded/",
    ],
  ]);
  expect(examine({ "10-a.conf": ownNetwork }, { attached: attachedWith(stdin) })).toHaveLength(1);
  // A VF without a netdev has no addresses.
  const [attached] = attachedWith(stdin);
  const rdmaOnly = {
    ...(attached as ListedAttachment),
    record: aRecord({ kind: "rdma", call: { stdin, args: "", path: "/x" } }),
  };
  expect(examine({}, { attached: [rdmaOnly] })).toEqual([
    kubernetes,
    ["ok network-ok: mynet (/var/lib/cni/ib-sriov/c0-net1), without addresses"],
  ]);
});

describe("a network that is an error", () => {
  const which = `mynet (${directory}/10-a.conf)`;

  test.each([
    ["link_state", { link_state: "up" }, /link_state/],
    ["a dhcp that cannot work", { ipam: { type: "dhcp" } }, /ipam\.type "dhcp" is not supported/],
    ["a missing name", { name: undefined }, /invalid characters|missing network name/],
    ["an unsupported version", { cniVersion: "2.0.0" }, /incompatible CNI versions/],
  ])("%s", (_, changes, message) => {
    const [finding, ...others] = examine({ "10-a.conf": { ...ownNetwork, ...changes } });
    expect(finding?.[0]).toMatch(/^error network-invalid: /);
    expect(finding?.[0]).toMatch(message);
    expect(finding?.[1]).toBe("(correct the file)");
    expect(others).toEqual([]);
  });

  test.each([
    [false, undefined, "refuses every ADD, because RDMA devices are shared"],
    [false, true, "refuses every ADD, because RDMA devices are shared"],
    [
      true,
      undefined,
      "moves the RDMA device to the pod, so that the pod loses its interface, although ADD succeeds",
    ],
    [true, true, "refuses every ADD, because rdmaIsolation has moved the RDMA device to the pod already"],
  ])("rdma-cni in its list: exclusive %s, rdmaIsolation %s", (isExclusive, rdmaIsolation, effect) => {
    const { name, cniVersion, ...plugin } = ownNetwork;
    const list = { name, cniVersion, plugins: [{ ...plugin, rdmaIsolation }, { type: "rdma" }] };
    const remedy = `remove the plugin of type "rdma"${rdmaIsolation ? "" : ', and set "rdmaIsolation": true in that of type "ib-sriov"'}`;
    expect(examine({ "10-a.conf": list }, { isExclusive })).toEqual([
      [expect.stringMatching(/^warning network-order: .* calls rdma after ib-sriov/), expect.anything()],
      [`error network-rdma-cni: ${which} chains rdma-cni, which ${effect}`, `(${remedy})`],
    ]);
  });

  const remount = "mount -o remount,rw /opt";
  const mountinfo = (options: string, superOptions: string) => ({
    "/proc/self/mountinfo": `22 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 22 8:2 / /opt ${options} - ext4 /dev/sda2 ${superOptions}`,
  });
  /** Examines a missing IPAM plugin whose directory exists, in a file system that is mounted read-only. */
  const readOnly = (superOptions: string) => {
    const cp = { "/usr/lib/cni/host-local": "", "/opt/cni/bin/loopback": "" };
    const context = aDoctorContext({ ...cp, ...mountinfo("ro", superOptions) });
    const requireWritable = () => {
      throw Object.assign(new Error("access: (EROFS)"), { code: "EROFS" });
    };
    const files = Object.assign(Object.create(context.node.files) as typeof context.node.files, {
      requireWritable,
    });
    const networks = [{ ...ownNetwork, document: ownNetwork, file: "f", chain: [], cniPath: "/opt/cni/bin" }];
    return summaries(
      networkChecks({ ...context, node: { ...context.node, files }, networks: { networks, findings: [] } }),
    )[0];
  };

  test("an IPAM plugin that is missing in a directory that is mounted read-only", () => {
    expect(readOnly("rw")?.slice(1)).toEqual([
      `${remount}\ncp /usr/lib/cni/host-local /opt/cni/bin/`,
      "(until the next boot; see the options of the mount in /etc/fstab)",
    ]);
    expect(readOnly("ro")?.slice(1)).toEqual([
      `(if dmesg shows no error of the file system: ${remount}; then: cp /usr/lib/cni/host-local /opt/cni/bin/)`,
    ]);
  });

  test("an IPAM plugin in a file system from which no program may run", () => {
    const start = () => {
      throw Object.assign(new Error("posix_spawn: (EACCES)"), { code: "EACCES" });
    };
    const context = aDoctorContext(
      {
        [hostLocal]: "",
        [`${directory}/10-a.conf`]: JSON.stringify(ownNetwork),
        ...mountinfo("rw,noexec", "rw"),
      },
      {},
      { processes: { start }, clock: { now: () => 0 } },
    );
    expect(summaries(networkChecks({ ...context, networks: networksOf(context, [], context) }))).toEqual([
      [
        `error ipam-broken: ${which}: ${hostLocal} is not executable (EACCES)`,
        "mount -o remount,exec /opt",
        "(until the next boot; see /etc/fstab)",
      ],
    ]);
  });

  test.each([
    ["subnet 10.1.0.0/30", { subnet: "10.1.0.0/30" }, ["10.1.0.2"], "10.1.0.0/30"],
    [
      "a range",
      { ranges: [[{ subnet: "10.1.0.0/24", rangeStart: "10.1.0.5", rangeEnd: "10.1.0.6" }]] },
      ["10.1.0.5", "10.1.0.6"],
      "10.1.0.5 to 10.1.0.6",
    ],
    [
      "the second set",
      { ranges: [[{ subnet: "10.2.0.0/24" }], [{ subnet: "fd00::/126" }]] },
      ["fd00::2", "fd00::3"],
      "fd00::/126",
    ],
    ["another gateway", { subnet: "10.1.0.0/30", gateway: "10.1.0.2" }, ["10.1.0.1"], "10.1.0.0/30"],
  ])("a range of host-local without a free address: %s", (_, more, leases, range) => {
    const ipam = { type: "host-local", ...more };
    const examined = (names: readonly string[]) => {
      const files = Object.fromEntries(
        ["lock", "last_reserved_ip.0", ...names].map((each) => [`/var/lib/cni/networks/mynet/${each}`, ""]),
      );
      return examine(
        { "10-a.conf": { ...ownNetwork, ipam } },
        { plugins: { [hostLocal]: versionAnswer("1.0.0"), ...files } },
      ).map(([text]) => text);
    };
    expect(examined(leases)).toEqual([
      `error ipam-exhausted: ${which}: host-local has no free address in ${range}`,
    ]);
    // One address is free, or the lease is of another subnet.
    expect(examined([...leases.slice(1), "10.9.0.2"])).toEqual([expect.stringMatching(/^ok network-ok/)]);
  });

  test("an IPAM plugin that is missing, or in another directory", () => {
    const missing = `error ipam-missing: ${which}: failed to find plugin "host-local" in path [/opt/cni/bin /more]`;
    const cniPath = "/opt/cni/bin:/more";
    expect(examine({ "10-a.conf": ownNetwork }, { plugins: {}, cniPath })).toEqual([
      [missing, "(install it in /opt/cni/bin (Debian's package is containernetworking-plugins))"],
    ]);
    expect(
      examine({ "10-a.conf": ownNetwork }, { plugins: { "/usr/libexec/cni/host-local": "" }, cniPath }),
    ).toEqual([[missing, "mkdir -p /opt/cni/bin\ncp /usr/libexec/cni/host-local /opt/cni/bin/"]]);
  });

  test("an IPAM plugin that does not run, or is too old", () => {
    const answering = (answer: string, changes = {}) =>
      examine({ "10-a.conf": { ...ownNetwork, ...changes } }, { plugins: { [hostLocal]: answer } });
    expect(answering("garbage")[0]?.[0]).toBe(
      `error ipam-broken: ${which}: ${hostLocal} does not answer VERSION like a CNI plugin`,
    );
    expect(answering(versionAnswer("0.4.0", "1.0.0"), { cniVersion: "1.1.0" })).toEqual([
      [
        `error ipam-version: ${which} has CNI 1.1.0, but ${hostLocal} supports 0.4.0, 1.0.0`,
        "(lower the network's cniVersion, or install a newer host-local)",
      ],
    ]);
  });
});

describe("an IPAM plugin that cannot run is not missing", () => {
  const failing = (failure: Error, phase: "start" | "wait") => {
    const started: string[] = [];
    const start = ({ path }: ChildCommand): Child => {
      started.push(path);
      if (phase === "start") throw failure;
      return {
        wait: () => {
          throw failure;
        },
        kill() {},
      };
    };
    const context = aDoctorContext(
      {
        [hostLocal]: "",
        [`${directory}/10-a.conf`]: JSON.stringify(ownNetwork),
        [`${directory}/20-b.conf`]: JSON.stringify({ ...ownNetwork, name: "other" }),
      },
      {},
      { processes: { start }, clock: { now: () => 0 } },
    );
    const findings = networkChecks({ ...context, networks: networksOf(context, [], context) });
    // A plugin that hangs takes some seconds, so it is called once for all networks.
    expect([findings.length, started]).toEqual([2, [hostLocal]]);
    return summaries(findings)[0];
  };
  const which = `mynet (${directory}/10-a.conf)`;

  test("without permission", () => {
    const refusal = Object.assign(new Error("posix_spawn: (EACCES)"), { code: "EACCES" });
    expect(failing(refusal, "start")).toEqual([
      `error ipam-broken: ${which}: ${hostLocal} is not executable (EACCES)`,
      `chmod 755 ${hostLocal}`,
    ]);
  });

  test("that hangs", () => {
    expect(failing(new TimeoutError("timed out"), "wait")).toEqual([
      `error ipam-hangs: ${which}: ${hostLocal} hangs: no answer to VERSION for 5 s`,
      `(to see it: CNI_COMMAND=VERSION ${hostLocal} </dev/null)`,
    ]);
  });

  test("for another architecture", () => {
    expect(failing(new Error("posix_spawn: (ENOEXEC)"), "start")).toEqual([
      `error ipam-broken: ${which}: ${hostLocal} does not run: posix_spawn: (ENOEXEC)`,
      "(install host-local again)",
    ]);
  });

  test("and whose name is a path is not copied", () => {
    expect(examine({ "10-a.conf": { ...ownNetwork, ipam: { type: "../host-local" } } })).toEqual([
      [
        `error ipam-missing: ${which}: invalid plugin name: ../host-local`,
        "(install it in /opt/cni/bin (Debian's package is containernetworking-plugins))",
      ],
    ]);
  });
});

test("the directory of plugins is that of the executable if other plugins are in it", () => {
  const isFile = (path: string) => path === "/var/lib/cni/bin/multus";
  expect(pluginDirectoryOf("/var/lib/cni/bin/ib-sriov", isFile)).toBe("/var/lib/cni/bin");
  expect(pluginDirectoryOf("/root/ib-sriov", isFile)).toBe("/opt/cni/bin");
});

describe("the installed ib-sriov", () => {
  const path = "/opt/cni/bin/ib-sriov";
  const command = "/tmp/ib-sriov install --cni-bin-dir /opt/cni/bin --no-sleep";
  const program = "/tmp/ib-sriov";

  test("answers", () => {
    const answers = { [path]: versionAnswer("0.1.0", "1.1.0") };
    const started: ChildCommand[] = [];
    const parts = { processes: processes(answers, started), clock: { now: () => 0 } };
    expect(summaries(ownPlugin(aDoctorContext(answers, { program }, parts)))).toEqual([
      [`ok plugin-ok: ${path}, CNI 0.1.0 to 1.1.0`],
    ]);
    expect(started).toMatchObject([{ path, environment: ["CNI_COMMAND=VERSION"] }]);
  });

  test("is missing, or does not run", () => {
    expect(summaries(ownPlugin(aDoctorContext({}, { program })))).toEqual([
      [
        'error plugin-missing: failed to find plugin "ib-sriov" in path [/opt/cni/bin]',
        `mkdir -p /opt/cni/bin\n${command}`,
      ],
    ]);
    const start = () => {
      throw new Error("posix_spawn: Exec format error (ENOEXEC)");
    };
    const parts = { processes: { start }, clock: { now: () => 0 } };
    expect(summaries(ownPlugin(aDoctorContext({ [path]: "" }, { program }, parts)))).toEqual([
      [`error plugin-broken: ${path} does not run: posix_spawn: Exec format error (ENOEXEC)`, command],
    ]);
    const refuse = () => {
      throw Object.assign(new Error("posix_spawn: (EACCES)"), { code: "EACCES" });
    };
    const refusing = { processes: { start: refuse }, clock: { now: () => 0 } };
    expect(summaries(ownPlugin(aDoctorContext({ [path]: "" }, { program }, refusing)))).toEqual([
      [`error plugin-broken: ${path} is not executable (EACCES)`, `chmod 755 ${path}`],
    ]);
  });
});
