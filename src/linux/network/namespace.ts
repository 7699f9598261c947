import * as host from "host";
import { Connection } from "../../netlink/connection.ts";
import type { Namespace } from "../../node/namespaces.ts";
import { SocketTransport } from "./transport.ts";

/** Protocols of linux/netlink.h. */
export const NETLINK_ROUTE = 0;
const NETLINK_RDMA = 20;

/**
 * Bytes of the longest datagram of a list. RDMA netlink lists devices in one datagram each, so a system call should take many
 * of them; rtnetlink fills 32 KiB (netlink_recvmsg of net/netlink/af_netlink.c).
 */
const RDMA_LIST_PART = 8 * 1024;
const ROUTE_LIST_PART = 32 * 1024;

/** Runs a function in a namespace and comes back. */
export type Within = <T>(namespace: LinuxNamespace, body: () => T) => T;

/** An open network namespace. What costs a system call is done when it is first needed. */
export class LinuxNamespace implements Namespace {
  private descriptor: number | undefined;
  private rdma: Connection | undefined;
  private route: { readonly socket: number; readonly connection: Connection } | undefined;
  private knownCookie: string | undefined;

  /**
   * @param open opens the namespace's file.
   * @param within runs something inside of it.
   */
  constructor(
    readonly path: string,
    private readonly open: () => number,
    private readonly within: Within,
  ) {}

  /** Descriptor of the namespace's file. */
  get fd(): number {
    this.descriptor ??= this.open();
    return this.descriptor;
  }

  get cookie(): string {
    this.knownCookie ??= host.netnsCookie(this.routing.socket) ?? this.fileIdentity();
    return this.knownCookie;
  }

  /** Does the kernel tell a netdev's PCI function (IFLA_PARENT_DEV_NAME)? It came with the cookie, in 5.14. */
  get tellsParents(): boolean {
    return host.netnsCookie(this.routing.socket) !== undefined;
  }

  /** rtnetlink in this namespace, by one socket. A socket stays in the namespace where it was made. */
  get rtnetlink(): Connection {
    return this.routing.connection;
  }

  /** RDMA netlink in this namespace: it shows, and changes, the devices that the namespace has. */
  get rdmaNetlink(): Connection {
    this.rdma ??= new Connection(
      new SocketTransport(
        this.within(this, () => host.netlinkSocket(NETLINK_RDMA)),
        RDMA_LIST_PART,
      ),
    );
    return this.rdma;
  }

  /** A new socket for the events of a protocol in this namespace; `groups` as for host.netlinkEvents. */
  events(protocol: number, groups: number): number {
    return this.within(this, () => host.netlinkEvents(protocol, groups));
  }

  private get routing() {
    if (this.route === undefined) {
      const socket = this.within(this, () => host.netlinkSocket(NETLINK_ROUTE));
      this.route = { socket, connection: new Connection(new SocketTransport(socket, ROUTE_LIST_PART)) };
    }
    return this.route;
  }

  /** "dev:ino" of the file. */
  private fileIdentity(): string {
    const { device, inode } = host.fstat(this.fd);
    return `${device}:${inode}`;
  }
}

/**
 * The namespace as this implementation made it.
 * @throws {TypeError} where it is somebody else's.
 */
export function asLinuxNamespace(namespace: Namespace): LinuxNamespace {
  if (namespace instanceof LinuxNamespace) return namespace;
  throw new TypeError(`the namespace ${namespace.path} was not opened here`);
}
