import { beforeEach, describe, expect, it, vi } from "vitest";
import { LinuxLinks } from "../../../../src/linux/network/links.ts";
import { LinuxNamespaces } from "../../../../src/linux/network/namespaces.ts";
import { LinuxPciFunctions } from "../../../../src/linux/pci/pci-functions.ts";
import { Waits } from "../../../../src/linux/waits.ts";
import { vector } from "../../vectors/vectors.ts";
import { deliver, machine, NET, NSFS, openDescriptors, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

let namespaces: LinuxNamespaces;
let waits: Waits;
let links: LinuxLinks;
const [event] = vector("link-events").received as [Uint8Array];

beforeEach(() => {
  resetMachine();
  machine.namespaces.set("/pod", { name: "pod", magic: NSFS, type: NET });
  namespaces = new LinuxNamespaces();
  waits = new Waits();
  links = new LinuxLinks(namespaces, new LinuxPciFunctions(), waits);
});

/** A watch of the host's links that has waited once, and so listens. */
function listening() {
  const watch = links.watch(namespaces.host, "links");
  watch.wait(5000);
  return watch;
}

describe("a watch", () => {
  it("makes no socket before the first wait", () => {
    links.watch(namespaces.host, "links").close();
    expect(machine.descriptors.size).toBe(0);
  });

  it("listens from its first wait on, which ends at once, in the given namespace, to the given groups", () => {
    links.watch(namespaces.host, "links").wait(5000);
    links.watch(namespaces.open("/pod"), "addresses").wait(5000);
    expect(machine.now).toBeLessThan(5000);
    const sockets = [...machine.descriptors.values()].filter(({ what }) => what === "netlink");
    expect(sockets.map(({ namespace, groups }) => [namespace, groups])).toEqual([
      ["host", [1]],
      ["pod", [1, 9]],
    ]);
  });

  it("wakes once for all pending events", () => {
    const watch = listening();
    deliver(event);
    deliver(event);
    deliver(event);
    watch.wait(5000);
    expect(() => watch.wait(5000)).toThrow(expect.objectContaining({ name: "TimeoutError" }));
    deliver(event);
    watch.wait(9000);
  });

  it.each(["ENOBUFS", "EMSGSIZE"])("wakes if events were lost (%s)", (errno) => {
    const watch = listening();
    deliver(errno);
    watch.wait(5000);
    deliver(event);
    deliver(errno);
    deliver(event);
    watch.wait(6000);
    watch.wait(6000);
    watch.wait(6000);
    expect(() => watch.wait(7000)).toThrow(expect.objectContaining({ name: "TimeoutError" }));
  });

  it("ends at a signal, which the error names, unless signals are ignored", () => {
    const watch = listening();
    machine.signal = "SIGTERM";
    deliver("EINTR");
    expect(() => watch.wait(5000)).toThrow(
      expect.objectContaining({
        name: "InterruptedError",
        message: "SIGTERM ended the wait for a change of a device",
      }),
    );
    waits.ignoresSignals = true;
    deliver("EINTR");
    deliver(event);
    watch.wait(5000);
  });

  it("fails if its socket fails", () => {
    const watch = listening();
    deliver("EBADF");
    expect(() => watch.wait(5000)).toThrow(expect.objectContaining({ code: "EBADF" }));
  });

  it("closes its socket once, also if the socket could not be set up", () => {
    const watch = listening();
    watch.close();
    watch.close();
    machine.faults.set("bind 257", "EPERM");
    const refused = links.watch(namespaces.host, "addresses");
    expect(() => refused.wait(5000)).toThrow(expect.objectContaining({ code: "EPERM" }));
    refused.close();
    expect(openDescriptors()).toEqual([]);
  });
});
