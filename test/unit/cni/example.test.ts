// How to use src/cni: parse a network configuration, compose a result, and encode it in the version that the runtime
// speaks. Read it from top to bottom.
import { expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { errorDocument } from "../../../src/cni/error-document.ts";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { composeResult, emptyDns } from "../../../src/cni/result.ts";
import { encodeResult } from "../../../src/cni/result-encode.ts";
import { checkVersion } from "../../../src/cni/versions.ts";

test("answers an ADD with an interface", () => {
  const configuration = parseConfiguration('{"cniVersion": "1.1.0", "name": "mynet", "type": "ib-sriov"}');
  const version = checkVersion("ADD", configuration.cniVersion);

  const result = composeResult({
    prevResult: undefined,
    own: { name: "net1", mac: "80:00:00:48", sandbox: "/run/netns/a", mtu: 2044, pciID: "0000:03:00.2" },
    ipam: undefined,
    dns: emptyDns(),
  });

  expect(JSON.parse(encodeResult(result, version))).toEqual({
    cniVersion: "1.1.0",
    interfaces: [
      { name: "net1", mac: "80:00:00:48", sandbox: "/run/netns/a", mtu: 2044, pciID: "0000:03:00.2" },
    ],
  });
});

test("answers with an error", () => {
  const error = new CniError(codes.badConfiguration, 'deviceID is missing; add "deviceID"');

  expect(JSON.parse(errorDocument(error, "1.0.0"))).toEqual({
    cniVersion: "1.0.0",
    code: 7,
    msg: 'deviceID is missing; add "deviceID"',
  });
});
