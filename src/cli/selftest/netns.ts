import * as host from "host";
import { asLinuxNamespace, type LinuxNamespace } from "../../linux/network/namespace.ts";
import { openNamespace } from "../../linux/network/namespaces.ts";
import type { Node } from "../../node/node.ts";

/** CLONE_NEWNET of linux/sched.h. */
const CLONE_NEWNET = 0x40000000;
/** The thread's network namespace. */
const OWN = "/proc/thread-self/ns/net";

/**
 * A new network namespace, in the place of a container's. Only descriptors of this process keep it: the kernel removes
 * it when this process ends, also by SIGKILL, and returns the VF's devices to the host. An attachment whose selftest was
 * killed is therefore orphaned, and `gc` releases it.
 */
export class TestNetns {
  /** The path for CNI_NETNS. */
  readonly path: string;
  readonly namespace: LinuxNamespace;
  private readonly fd: number;
  private readonly home: number;

  constructor({ namespaces, clock }: Node) {
    // The host namespace must be opened before the thread leaves it.
    this.home = asLinuxNamespace(namespaces.host).fd;
    host.unshare(CLONE_NEWNET);
    try {
      this.fd = openNamespace(OWN);
    } finally {
      host.setns(this.home, CLONE_NEWNET);
    }
    this.path = `/proc/${clock.pid}/fd/${this.fd}`;
    this.namespace = asLinuxNamespace(namespaces.open(this.path));
  }

  /** Runs a function in the namespace: sockets that it opens and processes that it starts stay there. */
  within<T>(body: () => T): T {
    host.setns(this.fd, CLONE_NEWNET);
    try {
      return body();
    } finally {
      host.setns(this.home, CLONE_NEWNET);
    }
  }

  /** Gives the namespace up. The kernel removes it in the background. */
  close(): void {
    this.namespace.close();
    host.close(this.fd);
  }
}
