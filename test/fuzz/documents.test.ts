// Documents that other programs write: each of them is either valid, or is refused with an error for the runtime.
import { expect } from "vitest";
import { parseLockContents } from "../../src/attachment/lock/lock-contents.ts";
import { parseRecord } from "../../src/attachment/record/codec.ts";
import { parseGoCache } from "../../src/attachment/record/go-cache.ts";
import { recordDocument } from "../../src/attachment/record/record-document.ts";
import { addressPlan } from "../../src/cni/address-plan.ts";
import { parseConfiguration, prevResult } from "../../src/cni/configuration.ts";
import { errorDocument } from "../../src/cni/error-document.ts";
import { CniError } from "../../src/cni/errors.ts";
import { checkCommand, readEnvironment } from "../../src/cni/invocation.ts";
import { delegateResult } from "../../src/cni/ipam-outcome.ts";
import { encodeResult } from "../../src/cni/result-encode.ts";
import { checkVersion } from "../../src/cni/versions.ts";
import { parseNetwork, parseNetworkForDel } from "../../src/network-config/settings.ts";
import { parsePciAddress } from "../../src/node/pci-address.ts";
import { aRecord } from "../support/records.ts";
import { fuzz } from "./fuzz.ts";
import { mutateText } from "./mutate.ts";
import { configurations, goCacheText, ipamResults, notes, variables } from "./seeds.ts";

/** @throws unless it is an error that the runtime can read, and that the plugin means. */
function requireErrorObject(error: unknown): void {
  if (!(error instanceof CniError)) throw error;
  const answer = JSON.parse(errorDocument(error)) as Record<string, unknown>;
  expect(answer).toMatchObject({ cniVersion: expect.any(String), code: expect.any(Number) });
  expect(answer.msg).toEqual(expect.stringMatching(/./s));
}

function tolerate(action: () => void): void {
  try {
    action();
  } catch (error) {
    requireErrorObject(error);
  }
}

fuzz("network configurations", { cases: 8_000, share: 0.1 }, (random) => {
  const text = mutateText(random.pick(configurations), random, configurations);
  tolerate(() => {
    const configuration = parseConfiguration(text);
    parseNetworkForDel(configuration);
    const version = checkVersion("ADD", configuration.cniVersion);
    prevResult(configuration, version);
    const { deviceID } = parseNetwork(
      configuration,
      version,
      mutateText("guid=0x0200000000000001;A=b", random),
    );
    expect(parsePciAddress(deviceID)).toBe(deviceID);
  });
});

fuzz("environments", { cases: 8_000, share: 0.05 }, (random) => {
  const changed = new Map(
    Object.entries(variables).map(([name, value]) => [
      name,
      random.once(2) ? value : mutateText(value, random),
    ]),
  );
  tolerate(() => {
    const { command, containerId, ifname } = readEnvironment((name) => changed.get(name));
    checkCommand(command);
    if (!["ADD", "DEL", "CHECK"].includes(command)) return;
    // These become file names.
    expect(containerId).toMatch(/^[a-zA-Z0-9][\w.-]*$/);
    expect(ifname).not.toMatch(/[/:\s]|^\.\.?$/);
  });
});

fuzz("IPAM results", { cases: 8_000, share: 0.1 }, (random) => {
  const outcome = {
    status: random.pick([0, 0, 0, 1, -1]),
    signal: 0,
    stdout: mutateText(random.pick(ipamResults), random, ipamResults),
    stderr: random.once(4) ? mutateText("warning", random) : "",
  };
  tolerate(() => {
    const version = random.pick(["0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const);
    const result = delegateResult("fake", outcome, version, () => {});
    addressPlan(result, "fake");
    JSON.parse(encodeResult(result, version));
  });
});

fuzz("records", { cases: 8_000, share: 0.1 }, (random) => {
  const seeds = [recordDocument(aRecord(), "ib0"), goCacheText, ...notes];
  const text = mutateText(random.pick(seeds), random, seeds);
  const record = parseRecord(text);
  const reference = parseGoCache(text);
  // These become parts of paths.
  for (const pci of [record?.vf.pci, record?.vf.pf, reference?.pci]) {
    if (pci !== undefined) expect(parsePciAddress(pci)).toBe(pci);
  }
  parseLockContents(text);
});
