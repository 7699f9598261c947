import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import { networkChecks } from "../../../../src/cli/doctor/network-checks.ts";
import { networksOf } from "../../../../src/cli/doctor/networks.ts";
import { ownPlugin } from "../../../../src/cli/doctor/plugins.ts";
import type { Child, ChildCommand } from "../../../../src/node/processes.ts";
import { aRecord } from "../../../support/records.ts";
import { aDoctorContext, summaries } from "./doctor-context.ts";

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
  more: { attached?: ListedAttachment[]; plugins?: Record<string, string>; cniPath?: string } = {},
) {
  const {
    attached = [],
    plugins = { [hostLocal]: versionAnswer("0.4.0", "1.0.0") },
    cniPath = "/opt/cni/bin",
  } = more;
  const texts = Object.entries(documents).map(([name, each]) => [
    `${directory}/${name}`,
    typeof each === "string" ? each : JSON.stringify(each),
  ]);
  const context = aDoctorContext(
    { ...Object.fromEntries(texts), ...plugins },
    { cniPath },
    { processes: processes(plugins), clock: { now: () => 0 } },
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
    "60-f.conf": "{",
    "70-g.conf": [1],
  });
  expect(found).toEqual([
    [`ok: mynet (${directory}/10-a.conf), addresses by ${hostLocal}`],
    [`ok: listed (${directory}/20-b.conflist), addresses by ${hostLocal}`],
    [`ok: bare (${directory}/30-c.json), without addresses`],
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
      `warning: mynet (${directory}/10-a.conflist): network configuration: key linkState is ignored; use link_state`,
      "(correct it)",
    ],
    [
      `warning: mynet (${directory}/10-a.conflist): network configuration: key GUID is read as guid; use that spelling`,
      "(correct it)",
    ],
    [
      expect.stringMatching(
        /^warning: other \(.*c0-net1\): network configuration: runtimeConfig\.mac is ignored/,
      ),
      "(correct it)",
    ],
  ]);
});

test("without networks the finding names the directory that was searched", () => {
  const kubernetes = "NetworkAttachmentDefinitions are in Kubernetes, and are not checked";
  expect(examine({ "10-a.conf": { type: "bridge" } })).toEqual([
    [`unknown: no network in ${directory}; ${kubernetes}`],
  ]);
  expect(examine({})).toEqual([
    [`unknown: no network can be seen from here, because ${directory} does not exist; ${kubernetes}`],
  ]);
});

test("a configuration of ib-sriov that is cut off is an error", () => {
  expect(examine({ "10-a.conf": '{"type": "ib-sriov",' })).toEqual([
    [`error: ${directory}/10-a.conf is not a JSON object`, "(correct it)"],
  ]);
});

test("the networks of attachments are examined once each, with the CNI_PATH of their ADD", () => {
  const kubernetes = expect.arrayContaining([expect.stringMatching(/^unknown/)]);
  const stdin = JSON.stringify(ownNetwork);
  expect(examine({}, { attached: attachedWith(stdin, stdin, "{") })).toEqual([
    kubernetes,
    [
      'error: mynet (/var/lib/cni/ib-sriov/c0-net1): failed to find plugin "host-local" in path [/recorded]',
      "cp /opt/cni/bin/host-local /recorded/",
    ],
  ]);
  expect(examine({ "10-a.conf": ownNetwork }, { attached: attachedWith(stdin) })).toHaveLength(1);
  // A VF without a netdev has no addresses.
  const [attached] = attachedWith(stdin);
  const rdmaOnly = {
    ...(attached as ListedAttachment),
    record: aRecord({ mode: "rdma", call: { stdin, args: "", path: "/x" } }),
  };
  expect(examine({}, { attached: [rdmaOnly] })).toEqual([
    kubernetes,
    ["ok: mynet (/var/lib/cni/ib-sriov/c0-net1), without addresses"],
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
    expect(finding?.[0]).toMatch(/^error: /);
    expect(finding?.[0]).toMatch(message);
    expect(finding?.[1]).toBe("(correct it)");
    expect(others).toEqual([]);
  });

  test("rdma-cni in its list", () => {
    const { name, cniVersion, ...plugin } = ownNetwork;
    const list = { name, cniVersion, plugins: [plugin, { type: "rdma" }] };
    expect(examine({ "10-a.conf": list })).toEqual([
      [
        `error: ${which} chains rdma-cni, which removes the interface by moving its RDMA device`,
        '(remove the plugin of type "rdma", and set "rdmaIsolation": true in that of type "ib-sriov")',
      ],
    ]);
  });

  test("an IPAM plugin that is missing, or in another directory", () => {
    const missing = `error: ${which}: failed to find plugin "host-local" in path [/opt/cni/bin /more]`;
    const cniPath = "/opt/cni/bin:/more";
    expect(examine({ "10-a.conf": ownNetwork }, { plugins: {}, cniPath })).toEqual([
      [missing, "(install it in /opt/cni/bin (Debian's package is containernetworking-plugins))"],
    ]);
    expect(
      examine({ "10-a.conf": ownNetwork }, { plugins: { "/usr/libexec/cni/host-local": "" }, cniPath }),
    ).toEqual([[missing, "cp /usr/libexec/cni/host-local /opt/cni/bin/"]]);
  });

  test("an IPAM plugin that does not run, or is too old", () => {
    const answering = (answer: string, changes = {}) =>
      examine({ "10-a.conf": { ...ownNetwork, ...changes } }, { plugins: { [hostLocal]: answer } });
    expect(answering("garbage")[0]?.[0]).toBe(
      `error: ${which}: ${hostLocal} does not answer VERSION like a CNI plugin`,
    );
    expect(answering(versionAnswer("0.4.0", "1.0.0"), { cniVersion: "1.1.0" })).toEqual([
      [
        `error: ${which} has CNI 1.1.0, but ${hostLocal} supports 0.4.0, 1.0.0`,
        "(lower the network's cniVersion, or install a newer host-local)",
      ],
    ]);
  });
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
      [`ok: ${path}, CNI 0.1.0 to 1.1.0`],
    ]);
    expect(started).toMatchObject([{ path, environment: ["CNI_COMMAND=VERSION"] }]);
  });

  test("is missing, or does not run", () => {
    expect(summaries(ownPlugin(aDoctorContext({}, { program })))).toEqual([
      ['error: failed to find plugin "ib-sriov" in path [/opt/cni/bin]', command],
    ]);
    const start = () => {
      throw new Error("posix_spawn: Exec format error (ENOEXEC)");
    };
    const parts = { processes: { start }, clock: { now: () => 0 } };
    expect(summaries(ownPlugin(aDoctorContext({ [path]: "" }, { program }, parts)))).toEqual([
      ["error: posix_spawn: Exec format error (ENOEXEC)", command],
    ]);
  });
});
