import * as host from "host";
import { Connection } from "../../netlink/connection.ts";
import type { Namespace } from "../../node/namespaces.ts";
import { NETLINK_ROUTE, netlinkEvents, netlinkSocket } from "./sockets.ts";
import { SocketTransport } from "./transport.ts";

/** A protocol of linux/netlink.h. */
const NETLINK_RDMA = 20;

/** Runs a function in a namespace, and returns to the host namespace. */
export type Within = <T>(namespace: LinuxNamespace, body: () => T) => T;

/** A connection, and its socket. */
interface OpenConnection {
  readonly socket: number;
  readonly connection: Connection;
}

/** An open network namespace. Descriptors, sockets and the cookie are opened or read when they are first used. */
export class LinuxNamespace implements Namespace {
  private descriptor: number | undefined;
  private rdma: OpenConnection | undefined;
  private route: OpenConnection | undefined;
  private knownCookie: string | undefined;

  /**
   * @param open opens the namespace's file.
   * @param within runs a function inside the namespace.
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

  /**
   * Reports whether the kernel reports the PCI function of a netdev (IFLA_PARENT_DEV_NAME). Linux 5.14 introduced it,
   * together with the cookie.
   */
  get tellsParents(): boolean {
    return host.netnsCookie(this.routing.socket) !== undefined;
  }

  /** rtnetlink in this namespace, through one socket. A socket stays in the namespace in which it was opened. */
  get rtnetlink(): Connection {
    return this.routing.connection;
  }

  /** A socket of this namespace, for ioctl(2). */
  get socket(): number {
    return this.routing.socket;
  }

  /** RDMA netlink in this namespace: it lists, and changes, the devices of this namespace. */
  get rdmaNetlink(): Connection {
    this.rdma ??= this.connect(NETLINK_RDMA);
    return this.rdma.connection;
  }

  /** Opens a socket for the events of a protocol in this namespace; `groups` as for {@link netlinkEvents}. */
  events(protocol: number, groups: number): number {
    return this.within(this, () => netlinkEvents(protocol, groups));
  }

  /**
   * Closes the descriptor and the sockets, each of which keeps the namespace. The object must not be used afterwards.
   * Only a process that outlives the namespace needs this.
   */
  close(): void {
    for (const fd of [this.fd, this.route?.socket, this.rdma?.socket]) if (fd !== undefined) host.close(fd);
  }

  private get routing() {
    this.route ??= this.connect(NETLINK_ROUTE);
    return this.route;
  }

  private connect(protocol: number): OpenConnection {
    const socket = this.within(this, () => netlinkSocket(protocol));
    return { socket, connection: new Connection(new SocketTransport(socket)) };
  }

  /** "dev:ino" of the file. */
  private fileIdentity(): string {
    const { device, inode } = host.fstat(this.fd);
    return `${device}:${inode}`;
  }
}

/**
 * Returns the same namespace, as the type of this implementation.
 * @throws {TypeError} if another implementation of the interface opened it.
 */
export function asLinuxNamespace(namespace: Namespace): LinuxNamespace {
  if (namespace instanceof LinuxNamespace) return namespace;
  throw new TypeError(`the namespace ${namespace.path} was not opened here`);
}
