// The VF's netdev on the host gets back what it had, and the time that takes.
import { expect, test } from "vitest";
import { CniError } from "../../src/cni/errors.ts";
import { killedAfter } from "./harness/faults.ts";
import { stateDirectory } from "./harness/state.ts";
import { Story } from "./harness/story.ts";
import { c1, vf } from "./harness/world.ts";
import type { Machine } from "./model/machine.ts";
import { OpenFile } from "./model/open-file.ts";
import { everything } from "./scenarios/wishes.ts";

/** The VF's netdev on the host. */
function netdevOf({ host }: Machine) {
  const netdev = host.ofFunction(vf)[0]?.[1];
  if (netdev === undefined) throw new Error("the VF has no netdev on the host");
  return netdev;
}

test("its name, also where it is up under another one and has the old one beside it", () => {
  const story = new Story({});
  story.add(c1, { vf }, killedAfter("files.create"));
  const netdev = netdevOf(story.machine);
  netdev.name = "ib1";
  netdev.altnames = ["ibp1s0f0v0", "rail0"];
  expect(netdev.up).toBe(true);
  story.mustDel(c1, { vf });
  story.requireAsBefore("after DEL");
});

test("all of it, also where the time of ADD is over when putting back begins, and the node is locked then", () => {
  const story = new Story({ lateNetdev: 60 });
  const { files, programs, time } = story.machine;
  // The IPAM plugin's ADD hangs until time is up.
  programs.set("/opt/cni/bin/host-local", (child) => {
    if (child.environment.get("CNI_COMMAND") === "DEL") child.exit(0, "");
  });
  const holder = { pid: 77, pids: [77], command: "ib-sriov" };
  const somebody = new OpenFile(files, `${stateDirectory}/.node`, holder);
  time.after(50_000, () => somebody.tryLock());
  time.after(105_000, () => somebody.close(holder));
  const { end, error } = story.add(c1, everything);
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ message: expect.stringContaining("IPAM plugin") });
  story.requireAsBefore("after ADD");
});

test("an address that another node has is refused, and nothing is left of it", () => {
  const story = new Story({});
  const wish = { ...everything, subnets: ["fd00::/64"] };
  story.machine.duplicateAddress = "fd00::2/64";
  const { end, error } = story.add(c1, wish);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ message: expect.stringMatching(/fd00::2.*in use/) });
  story.requireAsBefore("after ADD");
});
