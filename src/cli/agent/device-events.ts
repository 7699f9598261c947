import * as host from "host";
import { netlinkEvents } from "../../linux/network/sockets.ts";

/** A protocol of linux/netlink.h. */
const NETLINK_KOBJECT_UEVENT = 15;
/** The group of the kernel's events; udev sends its own to group 2. */
const KERNEL_EVENTS = 1;

/** Longest event, bytes: UEVENT_BUFFER_SIZE of linux/kobject.h, and the text before it. */
const LONGEST_EVENT = 1 << 14;

/** Events of new RDMA devices, from the kernel (lib/kobject_uevent.c). */
export class DeviceEvents {
  /** Can be read when there is an event. */
  readonly fd = netlinkEvents(NETLINK_KOBJECT_UEVENT, KERNEL_EVENTS, { isNonBlocking: true });

  /** Reads all events. Returns whether an RDMA device was added since the last time. */
  takeAll(): boolean {
    let added = false;
    for (;;) {
      // ENOBUFS: events were lost.
      const bytes = host.read(this.fd, LONGEST_EVENT, ["EAGAIN", "ENOBUFS"]);
      if (bytes === undefined) return added;
      added ||= isNewRdmaDevice(host.decodeText(bytes));
    }
  }
}

/** Reports whether the text of an event, whose lines end with NUL bytes, is about a new RDMA device. */
export function isNewRdmaDevice(event: string): boolean {
  const lines = event.split("\0");
  return lines.includes("ACTION=add") && lines.includes("SUBSYSTEM=infiniband");
}
