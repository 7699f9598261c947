import { type Config, hostLocal, network } from "./cni.ts";
import { inRepository, quote } from "./guest.ts";
import type { TestNode } from "./node.ts";

/** The rails of a training pod; each is a VF of the PF. */
export const rails = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** PCI addresses of the VFs. */
export const addresses = rails.map((rail) => `0000:01:1${rail >> 2}.${(rail & 3) * 2}`);

/** The script that attaches the rails; it must be among the files of the node. */
export const caller = inRepository("test/e2e/guest/rails.sh");
/** The paths of the rails' configurations, for the script; {@link configure} writes the files. */
export const files = rails.map((rail) => `/tmp/rail.${rail}`).join(" ");

/** Returns the network of a rail, with a GUID that differs from the VF's original GUID. */
export function railNetwork(rail: number): Config {
  const guid = `02:00:00:00:00:00:01:0${rail}`;
  return network(addresses[rail] ?? "", { guid, link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) });
}

/** Writes the configurations that the script attaches the rails with. */
export async function configure(node: TestNode, config: (rail: number) => Config): Promise<void> {
  const write = rails.map((rail) => `printf %s ${quote(JSON.stringify(config(rail)))} >/tmp/rail.${rail}`);
  await node.shell(write.join("\n"));
}

/**
 * Returns the inode of each VF's RDMA device, which changes with each rebind, because the kernel creates the device
 * again; or "absent" during a rebind.
 */
export async function devices(node: TestNode): Promise<string[]> {
  const output = await node.shell(`for vf in ${addresses.join(" ")}; do
    stat -c %i /sys/bus/pci/devices/$vf/infiniband 2>/dev/null || echo absent
  done`);
  return output.trimEnd().split("\n");
}

/** Creates eight VFs with settings to lose, on a node that is as guest/setup.sh makes it. */
export async function setUpRails(node: TestNode): Promise<void> {
  await node.shell(`echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs
    echo 8 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs
    for rail in ${rails.join(" ")}; do
      echo "link set ib0 vf $rail node_guid 0a:00:00:00:00:00:0$rail:01"
      echo "link set ib0 vf $rail port_guid 0a:00:00:00:00:00:0$rail:02"
    done | ip -batch -
    for vf in ${addresses.join(" ")}; do
      echo $vf >/sys/bus/pci/drivers/mlx5_core/unbind
      echo $vf >/sys/bus/pci/drivers/mlx5_core/bind
    done`);
  await setNetdevSettings(node);
}

/** Gives the VFs' netdevs, which are in the host namespace, the settings that a rebind resets. */
export async function setNetdevSettings(node: TestNode): Promise<void> {
  await node.shell(`rail=0
    for vf in ${addresses.join(" ")}; do
      name=ibp1s0f0v$rail
      echo "link set dev $(ls /sys/bus/pci/devices/$vf/net) name $name
        link set dev $name mtu 1800
        link property add dev $name altname rail$rail
        link set dev $name up"
      rail=$((rail + 1))
    done | ip -batch -`);
}
