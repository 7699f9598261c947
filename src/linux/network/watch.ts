import * as host from "host";
import type { Watch } from "../../node/links.ts";
import { errnoOf } from "../../node/node.ts";
import type { Waits } from "../waits.ts";
import type { LinuxNamespace } from "./namespace.ts";
import { NETLINK_ROUTE } from "./sockets.ts";

/** RTMGRP_LINK and RTMGRP_IPV6_IFADDR of linux/rtnetlink.h. */
const RTMGRP_LINK = 1;
const RTMGRP_IPV6_IFADDR = 0x100;
/**
 * NETLINK_KOBJECT_UEVENT of linux/netlink.h, and the multicast group of the kernel's uevents (lib/kobject_uevent.c).
 */
const NETLINK_KOBJECT_UEVENT = 15;
const KERNEL = 1;

/** The errnos of events that were lost: a queue that was full, an event that was too long. */
const LOST = ["ENOBUFS", "EMSGSIZE"];

/**
 * Events of the kernel, on a separate socket. The socket is opened at the first wait, because most callers find the
 * desired state at their first look and never wait.
 */
export class LinuxWatch implements Watch {
  private socket: number | undefined;
  private closed = false;

  constructor(
    private readonly where: LinuxNamespace,
    private readonly what: "links" | "addresses" | "devices",
    private readonly waits: Waits,
  ) {}

  wait(deadline: number): void {
    if (this.socket === undefined) {
      const protocol = this.what === "devices" ? NETLINK_KOBJECT_UEVENT : NETLINK_ROUTE;
      this.socket = this.where.events(protocol, groupsOf(this.what));
      // The socket does not report changes before this moment, so the caller has to look again.
      return;
    }
    this.receiveEvents(this.socket, deadline);
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.socket !== undefined) host.close(this.socket);
  }

  /**
   * Receives all events that are queued: one change makes several events, and the caller looks again after each wait.
   */
  private receiveEvents(socket: number, deadline: number): void {
    try {
      this.waits.retryUntilDeadline("a change of a device", () => host.netlinkReceive(socket, deadline));
    } catch (error) {
      // A lost event counts as an event.
      if (!LOST.includes(errnoOf(error) ?? "")) throw error;
    }
  }
}

function groupsOf(what: "links" | "addresses" | "devices"): number {
  if (what === "devices") return KERNEL;
  return what === "links" ? RTMGRP_LINK : RTMGRP_LINK | RTMGRP_IPV6_IFADDR;
}
