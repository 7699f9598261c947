import type { Inventory, Port } from "../../node/inventory.ts";
import type { PortTraffic } from "./node-metrics.ts";

/** Bytes in a unit of port_rcv_data and port_xmit_data (Documentation/ABI/stable/sysfs-class-infiniband). */
const UNIT = 4;

/** Reads the counters of a port from sysfs. The files do not exist if the driver does not count. */
export function portTraffic(inventory: Inventory, { device, number }: Port): PortTraffic {
  const directory = `/sys/class/infiniband/${device}/ports/${number}/counters`;
  const counter = (name: string) => {
    const text = textOf(inventory, `${directory}/${name}`);
    // "N/A (no PMA)" if the port does not report a counter.
    return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
  };
  const bytes = (units: number | undefined) => units && units * UNIT;
  return {
    device,
    number,
    receivedBytes: bytes(counter("port_rcv_data")),
    transmittedBytes: bytes(counter("port_xmit_data")),
    receivedPackets: counter("port_rcv_packets"),
    transmittedPackets: counter("port_xmit_packets"),
  };
}

/** Returns the text of a counter; `undefined` if it does not exist, or if the firmware refuses it (EINVAL, EIO). */
function textOf(inventory: Inventory, path: string): string | undefined {
  try {
    return inventory.text(path);
  } catch {
    return undefined;
  }
}
