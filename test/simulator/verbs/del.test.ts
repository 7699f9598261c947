// DEL, with each fault at each of its calls, and the calls that can follow; also after changes of an attached VF by its
// container, or by the node's administrator.
import {
  contrary,
  everything,
  rareRequests,
  requests,
  requestsOnOtherNodes,
  same,
} from "../harness/common-requests.ts";
import { c1, c2, pf, vf } from "../harness/default-node.ts";
import { delOrOtherAdd, thenAnother, thenDel } from "../harness/follow-ups.ts";
import { changeSettings, interfaceOf } from "../harness/prepare.ts";
import { delScenarios, delWithoutNamespaceScenarios, killPoints } from "../harness/scenarios.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { addAltnames, rename, setMtu } from "../model/link-requests.ts";
import { type Netdev, pkeyChild, virtual } from "../model/netdev.ts";
import type { Netns } from "../model/netns.ts";

/** Returns DEL of a container whose ADD was killed. */
function delAfterKillScenarios(): Scenario[] {
  return killPoints.map((point, number) => ({
    name: `DEL after an ADD that was killed after ${point.call}`,
    arrange: (simulated) => simulated.killAdd(c1, everything, point),
    verb: "DEL",
    followUps: number % 2 === 0 ? delOrOtherAdd() : [thenDel],
  }));
}

/** Returns a DEL of an attachment that never existed. */
function delOfNothingScenario(): Scenario {
  return {
    name: "DEL of an attachment that never existed",
    verb: "DEL",
    followUps: [thenDel, thenAnother(c2, same)],
  };
}

/** Returns DEL of a container without a record, for a VF that another container has. */
function delOfForeignVfScenario(): Scenario {
  const otherRequest = contrary(everything);
  return {
    name: "DEL of a VF that another container has",
    arrange: (simulated) => void simulated.mustAdd(c2, otherRequest),
    verb: (simulated, fault) => {
      const before = simulated.lines();
      const ran = simulated.del(c1, everything, fault);
      simulated.requireUnchanged(before, "after DEL");
      return ran;
    },
    followUps: [
      {
        name: "then the other's DEL",
        run(simulated) {
          simulated.mustDel(c2, otherRequest);
          simulated.requireAsBefore("after the other's DEL");
        },
      },
    ],
  };
}

/** Returns DEL after the VFs were removed. */
function removedScenarios(): Scenario[] {
  return [false, true].map((killed) => ({
    name: `DEL after the VFs were removed${killed ? " in the middle of ADD" : ""}`,
    arrange: (simulated) => {
      if (killed) simulated.killAdd(c1, everything, { call: "links.move" });
      else simulated.mustAdd(c1, everything);
      simulated.changeNode((machine) => void machine.bus.removeVfs(pf));
    },
    verb: "DEL",
    followUps: [thenDel],
  }));
}

/** Changes the container's interface, or its surroundings. */
type Tampering = (simulated: SimulatedNode, pod: Netns, netdev: Netdev) => void;

const tamperings: Readonly<Record<string, Tampering>> = {
  "the pod takes it down, renames it and changes its MTU": ({ machine }, pod, netdev) => {
    machine.setUp(pod, netdev, false);
    rename(pod, netdev, "mine");
    setMtu(pod, netdev, 1500);
  },
  "the pod changes every setting of it": (_, pod, netdev) => changeSettings(pod, netdev),
  "the pod attaches an XDP program that a process holds": (_, pod, netdev) => {
    changeSettings(pod, netdev);
    netdev.isXdpHeld = true;
  },
  "the pod changes its tuning, which cannot be set any more": (_, pod, netdev) => {
    changeSettings(pod, netdev);
    netdev.isTuningFixed = true;
  },
  "the pod turns adaptive moderation on": ({ machine }) => {
    for (const device of machine.bus.vf(vf, "look at it").probed?.devices ?? [])
      device.adaptiveModeration = true;
  },
  "the pod attaches a tcx program": (_, _pod, netdev) => {
    netdev.tcx = [11];
  },
  "the pod gives it a name that the host has": (_, pod, netdev) => rename(pod, netdev, "ib0"),
  "the pod gives it an alternative name that the host has": (_, pod, netdev) =>
    addAltnames(pod, netdev, ["ib0"]),
  "the pod gives it an alternative name that is not UTF-8": (_, pod, netdev) =>
    addAltnames(pod, netdev, ["\udcff\udcfe"]),
  "the pod gives it its old name as an alternative one": (_, pod, netdev) =>
    addAltnames(pod, netdev, ["ibp1s0f0v0", "rail0"]),
  "the pod makes two pkey children of it": (_, pod, netdev) => {
    pod.add(pkeyChild(netdev), "net1.8001");
    pod.add(pkeyChild(netdev), "net1.8002");
  },
  "the pod makes a pkey child of it in another namespace": ({ machine }, pod, netdev) => {
    pod.add(pkeyChild(netdev), "net1.8001");
    machine.paths.get(c2.netns)?.add(pkeyChild(netdev), "net1.8002");
  },
  // As a child that is created through the pod's /sys (create_child).
  "the pod makes a pkey child of it on the host": ({ machine }, _, netdev) =>
    void machine.host.add(pkeyChild(netdev), "net1.8001"),
  "the pod gives its name to another interface": (simulated, pod, netdev) => {
    rename(pod, netdev, "mine");
    simulated.changeNode((machine) => void machine.paths.get(c1.netns)?.add(virtual(), "net1", 77));
  },
  "its path belongs to another namespace": (simulated) => {
    simulated.changeNode((machine) => {
      machine.deleteNamespace(c1.netns);
      machine.addNamespace(c1.netns).add(virtual(), "net1");
    });
  },
  "another program sets another link state": (simulated) => {
    simulated.changeNode((machine) => {
      machine.bus.vf(vf, "set the link state").linkState = "auto";
    });
  },
  "the PF is renamed": (simulated) => {
    simulated.changeNode((machine) => {
      const netdev = machine.host.ofFunction(pf)[0]?.[1];
      if (netdev !== undefined) rename(machine.host, netdev, "ibp1s0f0");
    });
  },
  "an interface on the host takes its name": (simulated) => {
    simulated.allowDifference("attributes");
    simulated.changeNode((machine) => {
      const own = machine.host.named("ibp1s0f0v0")?.[1];
      // On the node that was never attached, the netdev is on the host, and gets another name.
      if (own !== undefined) own.name = "ib1";
      machine.host.add(virtual(), "ibp1s0f0v0");
    });
  },
  "an interface on the host takes its name, and the pod gives it a name that the host has": (
    simulated,
    pod,
    netdev,
  ) => {
    tamperings["an interface on the host takes its name"]?.(simulated, pod, netdev);
    rename(pod, netdev, "ib0");
  },
};

/** Returns DEL after each change, of a VF that DEL rebinds and of a VF that it does not rebind. */
function tamperingScenarios(): Scenario[] {
  const selected = requests().filter(({ name }) => ["an address", "everything"].includes(name));
  return Object.entries(tamperings).flatMap(([what, tampering]) =>
    selected.map(({ name, request, setting }) => ({
      name: `DEL (${name}) after ${what}`,
      setting,
      request,
      arrange: (simulated: SimulatedNode) => {
        simulated.mustAdd(c1, request);
        const { netns, netdev } = interfaceOf(simulated.machine, c1);
        tampering(simulated, netns, netdev);
      },
      verb: "DEL",
      followUps: [thenDel],
    })),
  );
}

const different = requests().filter(({ name }) => ["no settings", "an address", "everything"].includes(name));

testScenarios("DEL", [
  ...delScenarios(requests(), delOrOtherAdd()),
  ...delScenarios([...requestsOnOtherNodes(), ...rareRequests()], [thenDel]),
  ...delAfterKillScenarios(),
  ...delWithoutNamespaceScenarios(different),
  ...tamperingScenarios(),
  ...removedScenarios(),
  delOfNothingScenario(),
  delOfForeignVfScenario(),
]);
