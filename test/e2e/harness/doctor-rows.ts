import type { FindingId } from "../../../src/cli/doctor/finding.ts";
import { goCache } from "../../support/go-cache.ts";
import { type Config, commandLine, hostLocal, type Invocation, network } from "./cni.ts";
import { quote } from "./guest.ts";
import { plugin, vfs } from "./node.ts";

/** A broken node. */
export interface Row {
  readonly title: string;
  /** Breaks a node without problems. */
  readonly script: string;
  /** All problems that the doctor reports. */
  readonly finds: readonly (readonly [id: FindingId, level: "warning" | "error", found: RegExp])[];
  /** Findings of other levels that the doctor reports. */
  readonly notes?: readonly FindingId[];
  /** Runs before the printed commands, if there are problems for which the doctor cannot print a command. */
  readonly remedy?: string;
  /** IDs that the doctor must not report, and patterns that its JSON does not contain. */
  readonly not?: readonly (FindingId | RegExp)[];
  /** Runs in the end, if the remedies leave the node different from before. */
  readonly after?: string;
}

/** The PF, the state directory, the network of the node, and another one. */
export const pf = "0000:01:00.0";
const state = "/var/lib/cni/ib-sriov";
const networks = "/etc/cni/net.d";
const bin = "/opt/cni/bin";

/** Returns a network configuration list that contains ib-sriov. */
export const chain = (more: Config = {}, ...others: readonly Config[]) => ({
  cniVersion: "1.0.0",
  name: "mynet",
  plugins: [{ type: "ib-sriov", ipam: hostLocal(["10.1.0.0/24"]), ...more }, ...others],
});
/** Returns a script that writes a file of a network. */
export const configure = (list: Config | string, file = "10-ib.conflist") =>
  `printf %s ${quote(typeof list === "string" ? list : JSON.stringify(list))} >${networks}/${file}`;

export const rebind = (vf: string) =>
  `for way in unbind bind; do echo ${vf} >/sys/bus/pci/drivers/mlx5_core/$way; done`;
export const setGuid = (vf: number, guid: string) =>
  `ip link set ib0 vf ${vf} node_guid ${guid}; ip link set ib0 vf ${vf} port_guid ${guid}`;
const zero = "00:00:00:00:00:00:00:00";
const ones = "ff:ff:ff:ff:ff:ff:ff:ff";
const twin = "02:00:00:00:00:00:00:77";
const allZero = `for i in 0 1 2 3; do ${setGuid("$i" as never, zero)}; done; for vf in ${vfs.join(" ")}; do ${rebind("$vf")}; done`;
const netdev = (vf: string) => `$(ls /sys/bus/pci/devices/${vf}/net)`;
const call = (more: Partial<Invocation> & { readonly config: Config }) =>
  commandLine(plugin, { command: "ADD", netns: "a", ...more });
const add = (more: Partial<Invocation> & { readonly config: Config }) => `{ ${call(more)}; } >/dev/null`;
/** Runs a process in a namespace, as a container does. */
const inhabit = (netns: string) =>
  `ip netns exec ${netns} setsid sleep 1000 </dev/null >/dev/null 2>&1 & until ip netns pids ${netns} | grep -q .; do sleep 0.02; done`;
const endAll = (netns: string) => `kill -KILL $(ip netns pids ${netns})`;
const script = (name: string, text: string) =>
  `printf %s ${quote(`#!/bin/bash\n${text}\n`)} >${bin}/${name}; chmod 755 ${bin}/${name}`;

const pfRows: readonly Row[] = [
  {
    title: "/sys is read-only",
    script: "mount -o remount,ro /sys",
    finds: [["sysfs-read-only", "error", /^\/sys is read-only/]],
  },
  {
    title: "ib_ipoib is not loaded",
    script: "rmmod ib_ipoib",
    finds: [["pf-no-ipoib", "error", /ib_ipoib is not loaded.*0000:01:00\.0/]],
    notes: ["vf-unchecked"],
    not: ["pf-ok", "vf-ok", "vf-no-netdev", /subnet manager must/, /Pods can be attached/],
  },
  {
    title: "the PF has no driver, and so no VFs",
    script: `echo ${pf} >/sys/bus/pci/drivers/mlx5_core/unbind`,
    finds: [["pf-no-driver", "error", /^0000:01:00\.0 has no driver/]],
    not: ["vf-ok", "guid-ok"],
  },
  {
    title: "the netdev of the PF is in another namespace",
    script: "ip link set ib0 netns a",
    finds: [["pf-netdev-away", "error", /^the netdev of 0000:01:00\.0 is in network namespace a/]],
    notes: ["vf-unchecked"],
    not: ["pf-ok", "vf-ok", "vf-port-down", /subnet manager must/],
  },
];

const vfRows: readonly Row[] = [
  {
    title: "two VFs have no driver, one has no netdev",
    script: `echo 1 >/sys/module/vhca/parameters/no_netdev; ${rebind(vfs[3])}; echo 0 >/sys/module/vhca/parameters/no_netdev
      for vf in ${vfs[1]} ${vfs[2]}; do echo $vf >/sys/bus/pci/drivers/mlx5_core/unbind; done`,
    finds: [
      ["vf-no-driver", "error", /^2 VFs \(0000:01:10\.2, 0000:01:10\.4\) have no driver/],
      ["vf-no-netdev", "warning", /^VF 0000:01:10\.6 has no netdev.*rdmaOnly/],
    ],
    not: ["vf-ok", /for each in/],
  },
  {
    title: "the netdev of a VF was moved by hand to a namespace without processes",
    script: `ip link set ${netdev(vfs[1])} netns a name '$(reboot)'`,
    finds: [["vf-netdev-away", "error", /^the netdev of VF 0000:01:10\.2 is in network namespace a/]],
  },
  {
    title: "the VF of a running pod has no record",
    script: `${inhabit("a")}; ${add({ config: network(vfs[1]) })}; rm -r ${state}`,
    finds: [["vf-netdev-away", "warning", /namespace a, but no record.*may have given it to a container/]],
    remedy: `${endAll("a")}; ip -n a link set net1 netns 1`,
    not: [/netns 1/, /Not all pods/],
  },
  {
    title: "the VF of a pod whose first process was not started yet has no record",
    script: `${add({ config: network(vfs[1]) })}; rm -r ${state}`,
    finds: [["vf-netdev-away", "warning", /namespace a, but no record.*may have given it to a container/]],
    remedy: "ip -n a link set net1 netns 1",
    not: [/netns 1/, /Not all pods/],
  },
  {
    title: "MTUs differ, and a netdev has a name that a shell would execute",
    script: `name=${netdev(vfs[1])}; ip link set $name up; until grep -q 1 /sys/class/net/$name/carrier; do sleep 0.02; done
      ip link set $name mtu 1500
      name=${netdev(vfs[2])}; ip link set $name down; ip link set $name name '$(reboot)' mtu 1600`,
    finds: [
      ["vf-mtu", "warning", /MTU of VFs: \S+ 1500, of the PF 2044.*drains/],
      ["vf-mtu", "warning", /MTU of VFs: \$\(reboot\) 1600, of the others 2044.*drains/],
    ],
  },
  {
    title: "links are disabled, and the network does not set link_state",
    script: "for vf in 0 3; do ip link set ib0 vf $vf state disable; done",
    finds: [["vf-link-disabled", "warning", /^2 VFs \(0000:01:10\.0, 0000:01:10\.6\) have .*network mynet/]],
    not: ["vf-port-down"],
  },
  {
    title: "links are disabled, and the network sets link_state",
    script: `for vf in 0 3; do ip link set ib0 vf $vf state disable; done; ${configure(chain({ link_state: "enable" }))}`,
    finds: [],
    notes: ["vf-link-disabled", "vf-ok"],
    remedy: configure(chain()),
    not: ["vf-port-down"],
  },
  {
    title: "a VF is locked by a process that an IPAM plugin has left",
    script: `${script("slow", '[ $CNI_COMMAND = VERSION ] && exec echo \'{"supportedVersions":["1.0.0"]}\'\n[ $CNI_COMMAND = ADD ] || exit 0\necho $PPID >/tmp/slow; sleep 1000')}
      rm -f /tmp/slow
      ${call({ config: network(vfs[1], { ipam: { type: "slow" } }) })} >/dev/null 2>&1 &
      until [ -s /tmp/slow ]; do sleep 0.02; done; kill -KILL $(cat /tmp/slow); wait 2>/dev/null || true`,
    finds: [["vf-locked", "error", /^VF 0000:01:10\.2 is locked by process \d+ \(.*left behind/]],
    not: ["record-left"],
  },
  {
    title: "an ADD that holds the lock of a VF was stopped",
    script: `${script("slow", '[ $CNI_COMMAND = VERSION ] && exec echo \'{"supportedVersions":["1.0.0"]}\'\n[ $CNI_COMMAND = ADD ] || exit 0\necho $PPID >/tmp/slow; sleep 1; exit 1')}
      rm -f /tmp/slow
      ${call({ config: network(vfs[1], { ipam: { type: "slow" } }) })} >/dev/null 2>&1 &
      until [ -s /tmp/slow ]; do sleep 0.02; done; kill -STOP $(cat /tmp/slow)`,
    finds: [
      [
        "vf-locked",
        "error",
        /^VF 0000:01:10\.2 is locked by process \d+ \(ib-sriov\), which a signal has stopped/,
      ],
    ],
    not: [/KILL/, "record-left"],
  },
  {
    title: "a process that a call has left behind holds the node's lock",
    script: `mkdir -p ${state}; setsid /host/holder ${state}/.node </dev/null >/tmp/held 2>&1 &
      until grep -q held /tmp/held; do sleep 0.02; done; rm /tmp/held`,
    finds: [
      [
        "node-locked",
        "error",
        /^the node's RDMA devices are locked by process \d+ .*no VF can be bound again/,
      ],
    ],
  },
  {
    title: "lock files are a link and directories",
    script: `mkdir -p ${state}/.vf; cd ${state}; rm -rf .node .vf/${vfs[1]} .vf/${vfs[2]}
      mkdir .node .vf/${vfs[2]}; ln -s /etc/hostname .vf/${vfs[1]}; cd /
      ! ${call({ config: network(vfs[1]) })} >/dev/null`,
    finds: [
      ["lock-file", "error", /0000:01:10\.2 is not a regular file: .*ELOOP/],
      ["lock-file", "error", /0000:01:10\.4 is not a regular file: .*EISDIR/],
      ["lock-file", "error", /ib-sriov\/\.node is not a regular file: .*EISDIR/],
    ],
  },
  {
    title: "the host uses VFs: in a bond, and with a pkey child",
    script: `modprobe bonding max_bonds=0; ip link add rail type bond mode active-backup fail_over_mac active
      name=${netdev(vfs[1])}; ip link set $name down; ip link set $name master rail; ip link set $name up
      ip link add link ${netdev(vfs[2])} name a0.8001 type ipoib pkey 0x8001`,
    finds: [
      [
        "vf-refused",
        "error",
        /^ADD refuses VF 0000:01:10\.2, which is free: .* is a port of rail; ip link set \S+ nomaster$/,
      ],
      [
        "vf-refused",
        "error",
        /^ADD refuses VF 0000:01:10\.4, .* has the pkey children a0\.8001; ip link del a0\.8001$/,
      ],
      ["vf-mtu", "warning", /1500, of the others 2044|1500, of the PF 2044/],
    ],
    // A bond gives its ports an MTU.
    remedy: "ip link del rail; ip link del a0.8001",
    not: ["vf-locked"],
  },
  {
    title: "a VF has two netdevs",
    script: `echo 2 >/sys/module/vhca/parameters/ports; ${rebind(vfs[1])}; echo 1 >/sys/module/vhca/parameters/ports`,
    finds: [
      ["vf-refused", "error", /^ADD refuses VF 0000:01:10\.2, .* it has 2 netdevs/],
      ["vf-port-down", "warning", /^VF 0000:01:10\.2 has a port that is not ACTIVE/],
    ],
    remedy: rebind(vfs[1]),
  },
  {
    title: "a VF without a driver is reserved for vfio-pci",
    script: `echo vfio-pci >/sys/bus/pci/devices/${vfs[3]}/driver_override; echo ${vfs[3]} >/sys/bus/pci/drivers/mlx5_core/unbind`,
    finds: [["vf-no-driver", "error", /^VF 0000:01:10\.6 has no driver, and only vfio-pci may bind/]],
    after: `[ $(basename $(readlink /sys/bus/pci/devices/${vfs[3]}/driver)) = vfio-pci ]
      echo >/sys/bus/pci/devices/${vfs[3]}/driver_override; echo ${vfs[3]} >/sys/bus/pci/drivers/vfio-pci/unbind
      echo ${vfs[3]} >/sys/bus/pci/drivers/mlx5_core/bind`,
  },
  {
    title: "a VF was destroyed and created again while a pod had it",
    script: `${add({ config: network(vfs[1]) })}
      for number in 0 4; do echo $number >/sys/bus/pci/devices/${pf}/sriov_numvfs; done`,
    finds: [
      ["vf-destroyed", "warning", /^VF 0000:01:10\.2 was destroyed while it was attached: c1 net1/],
      ["vf-link-disabled", "warning", /^4 VFs/],
      ["guid-none", "error", /^4 VFs .*no GUID is set by mynet/],
    ],
    remedy: call({ command: "DEL", config: network(vfs[1]) }),
    not: ["record-left", "vf-ok", "guid-ok"],
  },
];

const guidRows: readonly Row[] = [
  {
    title: "VFs have no GUID, a GUID of all ones, and a GUID that is not in effect",
    script: `${setGuid(0, zero)}; ${setGuid(1, ones)}; ${setGuid(2, zero)}
      for vf in ${vfs.slice(0, 3).join(" ")}; do ${rebind("$vf")}; done
      ${setGuid(2, "02:00:00:00:00:00:00:01")}`,
    finds: [
      ["guid-missing", "warning", /^VF 0000:01:10\.0 has no GUID.*drains/],
      ["guid-all-ones", "warning", /^VF 0000:01:10\.2 has all ones/],
      ["guid-not-in-effect", "warning", /^VF 0000:01:10\.4 has a GUID .*not in effect/],
    ],
    not: ["guid-none", "guid-ok", /for each in/, /unbind/],
  },
  {
    title: "no VF has a GUID, and the network sets none",
    script: allZero,
    finds: [["guid-none", "error", /^4 VFs .*no GUID is set by mynet .*10-ib\.conflist/]],
    not: ["guid-missing", "guid-ok"],
  },
  {
    title: "no VF has a GUID, and the network sets one",
    script: `${allZero}; ${configure(chain({ guid: "auto" }))}`,
    finds: [["guid-missing", "warning", /^4 VFs/]],
    remedy: configure(chain()),
    not: ["guid-none"],
  },
  {
    title: "the PF stores another GUID than the VF runs with",
    // Each time another one.
    script: `i=$(cat /tmp/guids 2>/dev/null || echo 10); echo $((i + 1)) >/tmp/guids
      ${setGuid(1, "02:00:00:00:00:00:01:$i")}`,
    finds: [["guid-not-in-effect", "warning", /^VF 0000:01:10\.2 /]],
    not: ["guid-ok"],
  },
  {
    title: "two VFs have the same GUID",
    script: `${setGuid(0, twin)}; ${setGuid(2, twin)}; ${rebind(vfs[0])}; ${rebind(vfs[2])}`,
    finds: [
      ["guid-duplicate", "error", /^02:00:00:00:00:00:00:77 is the GUID of 0000:01:10\.0, 0000:01:10\.4/],
    ],
    not: ["guid-ok"],
  },
];

const leftGuid = "02:00:00:00:00:00:00:55";
const leftRow: Row = {
  title: "a killed ADD has left the GUID of a pod on a VF",
  script: `${setGuid(2, leftGuid)}; ${rebind(vfs[2])}; ${configure(chain({ guid: leftGuid }))}
    ! ${call({ config: network(vfs[1], { guid: leftGuid }) })} >/dev/null`,
  finds: [
    ["guid-left", "warning", /^VF 0000:01:10\.4 is free, and has GUID 02:00:00:00:00:00:00:55, .*mynet/],
  ],
  after: `${add({ config: network(vfs[1], { guid: leftGuid }) })}
    ${call({ command: "DEL", config: network(vfs[1], { guid: leftGuid }) })}; ${configure(chain())}`,
};

const recordRows: readonly Row[] = [
  {
    title: "a pod is gone",
    script: `ip netns add gone; ${add({ netns: "gone", config: network(vfs[1]) })}; ip netns del gone`,
    finds: [["record-left", "warning", /left behind: orphaned: c1 net1/]],
  },
  {
    title:
      "a record of the Go plugin whose VF is in the host namespace again, and a record that cannot be read",
    script: `mkdir -p ${state}
      printf %s ${quote(JSON.stringify({ ...goCache, ipam: hostLocal(["10.1.0.0/24"]) }))} >${state}/c9-net1
      echo '{"attachment":' >'${state}/it'\\''s broken'`,
    finds: [
      ["record-go-plugin", "warning", /c9-net1 is the Go plugin's.*0000:01:10\.0 is not in that container/],
      ["record-unreadable", "warning", /it's broken cannot be read/],
    ],
  },
  {
    title: "the state directory is read-only",
    script: "mount --bind /var/lib/cni /var/lib/cni; mount -o remount,bind,ro /var/lib/cni",
    finds: [["state-not-writable", "error", /cannot be written to.*EROFS/]],
    not: ["records-unreadable", /run as root/],
  },
  {
    title: "another user can change the state directory",
    script: `mkdir -p ${state}; chown 1000 ${state}`,
    finds: [["state-untrusted", "error", /can change .*owner 1000.*run: chown -R 0:0/]],
    // The text contains the command, which is to be run after a look at the records.
    remedy: `chown -R 0:0 ${state}`,
  },
  {
    title: "the state directory is a file",
    script: `rm -rf ${state}; mkdir -p /var/lib/cni; touch ${state} ${state}.old`,
    finds: [
      ["state-not-writable", "error", /cannot be written to.*ENOTDIR/],
      ["records-unreadable", "error", /ENOTDIR/],
    ],
    notes: ["vf-unchecked"],
    // One command fixes both.
    remedy: "true",
    not: ["vf-ok", "guid-ok", /must run as root/],
  },
];

const networkRows: readonly Row[] = [
  {
    title: "the IPAM plugin is in the directory of the distribution",
    script: `mv ${bin}/host-local /usr/lib/cni/`,
    finds: [["ipam-missing", "error", /mynet .*10-ib\.conflist.*"host-local"/]],
  },
  {
    title: "the IPAM plugin is not executable",
    script: `chmod 644 ${bin}/host-local`,
    finds: [["ipam-broken", "error", /host-local is not executable/]],
    not: ["ipam-missing", /\bcp /],
  },
  {
    title: "the installed plugin is not executable",
    script: `chmod 644 ${bin}/ib-sriov`,
    finds: [["plugin-broken", "error", /ib-sriov is not executable/]],
    not: ["plugin-missing", /install --cni-bin-dir/],
  },
  {
    title: "the IPAM plugin hangs",
    script: `${script("hang", "sleep 1000")}; ${configure(chain({ ipam: { type: "hang" } }))}`,
    finds: [["ipam-hangs", "error", /hang hangs: no answer/]],
    remedy: `rm ${bin}/hang; ${configure(chain())}`,
    not: ["ipam-missing", /\bcp /],
  },
  {
    title: "the directory of plugins is missing",
    script: `cp ${bin}/host-local /usr/lib/cni; mv ${bin} ${bin}.away`,
    finds: [
      ["plugin-missing", "error", /"ib-sriov"/],
      ["ipam-missing", "error", /"host-local"/],
    ],
    after: `rm -r ${bin}.away`,
  },
  {
    title: "the directory of plugins is mounted read-only, and the plugins are missing",
    script: `rm ${bin}/host-local ${bin}/ib-sriov; mount --bind ${bin} ${bin}; mount -o remount,bind,ro ${bin}`,
    finds: [
      ["plugin-missing", "error", /"ib-sriov"/],
      ["ipam-missing", "error", /"host-local"/],
    ],
    after: `umount ${bin}`,
  },
  {
    title: "the directory of plugins is mounted read-only, and the plugins are not executable",
    script: `chmod 644 ${bin}/host-local ${bin}/ib-sriov; mount --bind ${bin} ${bin}; mount -o remount,bind,ro ${bin}`,
    finds: [
      ["plugin-broken", "error", /ib-sriov is not executable/],
      ["ipam-broken", "error", /host-local is not executable/],
    ],
    after: `umount ${bin}`,
  },
  {
    title: "the directory of plugins is mounted with noexec",
    script: `mount --bind ${bin} ${bin}; mount -o remount,bind,noexec ${bin}`,
    finds: [
      ["plugin-broken", "error", /ib-sriov is not executable/],
      ["ipam-broken", "error", /host-local is not executable/],
    ],
    not: [/chmod/],
    after: `umount ${bin}`,
  },
  {
    title: "no address of host-local is free",
    script: `mkdir -p /var/lib/cni/networks/mynet; printf 'c9\\r\\nnet1' >/var/lib/cni/networks/mynet/10.9.0.2
      ${configure(chain({ ipam: hostLocal(["10.9.0.0/30"]) }))}
      ! ${call({ config: network(vfs[1], { ipam: hostLocal(["10.9.0.0/30"]) }) })} >/dev/null`,
    finds: [["ipam-exhausted", "error", /^mynet .*: host-local has no free address in 10\.9\.0\.0\/30/]],
    remedy: "rm /var/lib/cni/networks/mynet/10.9.0.2",
    not: ["network-ok"],
    after: configure(chain()),
  },
  {
    title: "sbr follows in the list of a network",
    script: configure(chain({}, { type: "sbr" }), "20-sbr.conflist"),
    finds: [["network-order", "warning", /20-sbr\.conflist\) calls sbr after ib-sriov/]],
    remedy: `rm ${networks}/20-sbr.conflist`,
  },
  {
    title: "networks are refused, have misspelled keys, or cannot be read",
    script: [
      configure(chain({}, { type: "rdma" }), "20-chain.conflist"),
      configure({ ...chain(), cniVersion: "1.1.0" }, "30-new.conflist"),
      configure(network("", { link_state: "up" }), "40-wrong.conf"),
      configure('{"cniVersion": "1.0.0",\n  "type": "bridge",\n}', "50-half.conf"),
      configure("", "60-empty.conflist"),
      configure(network("", { linkState: "enable", mtu: 9000 }), "70-keys.conf"),
      configure(network("", { name: "large", link_state: "enable", mtu: 4092 }), "80-mtu.conf"),
    ].join("\n"),
    finds: [
      ["network-json", "error", /50-half\.conf, line 3, column 1: unexpected '}'/],
      ["network-json", "error", /60-empty\.conflist is empty/],
      [
        "network-rdma-cni",
        "error",
        /20-chain\.conflist\) chains rdma-cni, which refuses every ADD, .* shared/,
      ],
      ["network-order", "warning", /20-chain\.conflist\) calls rdma after ib-sriov/],
      ["ipam-version", "error", /30-new\.conflist\) has CNI 1\.1\.0, but .*host-local supports .*1\.0\.0/],
      ["network-invalid", "error", /40-wrong\.conf\): .*link_state/],
      ["network-key", "warning", /70-keys\.conf\): .*key linkState is ignored; use link_state/],
      ["network-mtu", "error", /70-keys\.conf\) has MTU 9000: .*at most 4092/],
      ["network-mtu", "warning", /large \(.*\) has MTU 4092, but .* more than 2044/],
    ],
    remedy: `rm ${networks}/[2-8]0-*`,
    not: ["network-none"],
  },
  {
    title: "udev names RDMA devices after their HCA",
    script: `mkdir -p /run/udev; touch /run/udev/control
      echo 'ACTION=="add", SUBSYSTEM=="infiniband", PROGRAM="rdma_rename %k NAME_GUID"' \\
        >/etc/udev/rules.d/60-rdma-persistent-naming.rules`,
    finds: [["udev-guid-names", "warning", /NAME_GUID/]],
  },
];

/** The broken nodes, except those in which RDMA devices have the wrong mode. */
export const rows: readonly Row[] = [
  ...vfRows,
  ...guidRows,
  leftRow,
  ...recordRows,
  ...networkRows,
  ...pfRows,
];
