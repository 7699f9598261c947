import * as host from "host";
import { closeOnError } from "../../linux/close-on-error.ts";

/** Constants of linux/socket.h, linux/net.h and linux/netlink.h. */
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_KOBJECT_UEVENT = 15;
/** The group of the kernel's events; udev sends its own to group 2. */
const KERNEL_EVENTS = 1;

/** Longest event, bytes: UEVENT_BUFFER_SIZE of linux/kobject.h, and the text before it. */
const LONGEST_EVENT = 1 << 14;

/** Events of new RDMA devices, from the kernel (lib/kobject_uevent.c). */
export class DeviceEvents {
  /** Can be read when there is an event. */
  readonly fd: number;

  constructor() {
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.fd = closeOnError(host.socket(AF_NETLINK, type, NETLINK_KOBJECT_UEVENT), (fd) => {
      // struct sockaddr_nl: u16 family, 2 bytes of padding, u32 port, u32 groups.
      host.bind(fd, new Uint8Array(Uint32Array.of(AF_NETLINK, 0, KERNEL_EVENTS).buffer));
      return fd;
    });
  }

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
