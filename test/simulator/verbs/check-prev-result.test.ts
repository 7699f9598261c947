// CHECK compares the runtime's prevResult with the attachment.
import { describe, expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { emptyResult } from "../../../src/cni/result.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, c2, vf } from "../harness/default-node.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { messageChain } from "../harness/run.ts";
import { attached } from "./attached.ts";

/** Another plugin has given the container an interface before, with a route through it. */
const chained: AttachmentRequest = {
  ...everything,
  prevResult: {
    ...emptyResult(),
    interfaces: [{ name: "eth0", sandbox: c1.netns }],
    ips: [{ address: "192.0.2.1/24", interface: 0 }],
    routes: [{ dst: "198.51.100.0/24", gw: "192.0.2.9" }],
  },
};

describe("the runtime's prevResult", () => {
  test("can contain routes and addresses of other plugins of the chain", () => {
    const { checked } = attached(chained, {}, (result) => ({
      ...result,
      ips: [...result.ips, { address: "198.51.100.1/24", interface: 0 }],
    }));
    expect(checked()).toMatchObject({ end: "done", violations: [] });
  });

  test("must name the plugin's interface", () => {
    const { checked } = attached(everything, {}, (result) => ({ ...result, interfaces: [], ips: [] }));
    const { end, error } = checked();
    expect(end).toBe("failed");
    expect(messageChain(error)).toMatch(/prevResult names no interface net1/);
  });

  test.each([
    ["of another pod", c2.netns],
    ["that is gone", "/run/netns/gone"],
  ])("must not have the plugin's interface in a namespace %s", (_, sandbox) => {
    const { checked } = attached(everything, {}, (result) => ({
      ...result,
      interfaces: result.interfaces.map((each) => ({ ...each, sandbox })),
    }));
    const { end, error } = checked();
    expect(end).toBe("failed");
    expect(error).toMatchObject({
      code: codes.badConfiguration,
      message: `prevResult has interface net1 in ${sandbox}, CNI_NETNS is ${c1.netns}`,
    });
  });

  test("may name the container's namespace by another path", () => {
    const { simulated, checked } = attached(everything, {}, (result) => ({
      ...result,
      interfaces: result.interfaces.map((each) => ({ ...each, sandbox: "/proc/7/ns/net" })),
    }));
    const { paths } = simulated.machine;
    const pod = paths.get(c1.netns);
    if (pod !== undefined) paths.set("/proc/7/ns/net", pod);
    expect(checked()).toMatchObject({ end: "done", violations: [] });
  });

  test("must have its port GUID", () => {
    const { checked } = attached({ vf }, {}, (result) => ({
      ...result,
      interfaces: result.interfaces.map((each) => ({ ...each, mac: each.mac?.replace(/..$/, "99") })),
    }));
    const { end, error } = checked();
    expect(end).toBe("failed");
    expect(messageChain(error)).toMatch(/port GUID 0a:.*:02, not 0a:.*:99/);
  });
});
