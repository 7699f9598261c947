// The plugin accepts the configurations of the documents, and the reference contains every key that the plugin reads.
import { afterEach, describe, expect, test, vi } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import type { JsonObject } from "../../../src/cni/document.ts";
import { Fields } from "../../../src/cni/fields.ts";
import { validAttachments } from "../../../src/cni/valid-attachments.ts";
import { checkVersion } from "../../../src/cni/versions.ts";
import { configuredLog } from "../../../src/log/log-config.ts";
import { parseNetwork, parseNetworkForStatus } from "../../../src/network-config/settings.ts";
import { documentedKeys } from "../../support/documented-keys.ts";
import { blocksIn, documents, textOf } from "../../support/documents.ts";

afterEach(() => void vi.restoreAllMocks());

/** The keys that Multus, the device plugin and ib-kubernetes add. */
const completion = {
  deviceID: "0000:03:00.2",
  runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:01" },
  args: { cni: { "mellanox.infiniband.app": "configured" } },
};

const shown = documents.flatMap((document) =>
  blocksIn(textOf(document))
    .filter(({ language }) => language === "json")
    .map(({ text }) => ({ document, text })),
);

test("the documents contain networks", () => {
  expect(shown.length).toBeGreaterThan(4);
});

describe.each(shown)("a network in $document", ({ text }) => {
  test("is accepted by the plugin", () => {
    const configuration = parseConfiguration(JSON.stringify({ ...completion, ...JSON.parse(text) }));
    const version = checkVersion("ADD", configuration.cniVersion);
    expect(parseNetwork(configuration, version, "").warnings).toEqual([]);
    parseNetworkForStatus(parseConfiguration(text));
  });

  test("has only keys of the reference", () => {
    const known = [...documentedKeys(), "capabilities"];
    expect(Object.keys(JSON.parse(text)).filter((key) => !known.includes(key))).toEqual([]);
  });
});

/** The keys that are read, with their paths, when a network is parsed for ADD and for GC. */
function keysRead(): Set<string> {
  const read = new Set<string>();
  const note = (fields: Fields, key: string) => void read.add(`${fields.path}${key}`);
  const { raw, has, nested } = Fields.prototype;
  vi.spyOn(Fields.prototype, "raw").mockImplementation(function (this: Fields, key) {
    note(this, key);
    return raw.call(this, key);
  });
  vi.spyOn(Fields.prototype, "has").mockImplementation(function (this: Fields, key) {
    note(this, key);
    return has.call(this, key);
  });
  // Keys of maps whose keys are exact are read from the object itself.
  vi.spyOn(Fields.prototype, "nested").mockImplementation(function (this: Fields, key) {
    const found = nested.call(this, key);
    if (found === undefined) return undefined;
    const { document, code, path } = found;
    const get = (target: JsonObject, name: string) => {
      note(found, name);
      return target[name];
    };
    return new Fields(new Proxy(found.object, { get }), document, code, path);
  });
  for (const more of [{}, { ibKubernetesEnabled: true }]) {
    const document = {
      name: "n",
      deviceID: "0000:03:00.2",
      ipam: {},
      runtimeConfig: {},
      args: { cni: {} },
      ...more,
    };
    const configuration = parseConfiguration(JSON.stringify(document));
    try {
      parseNetwork(configuration, "1.1.0", "");
    } catch (error) {
      // The plugin waits for ib-kubernetes.
      expect(error).toMatchObject({ code: 11 });
    }
    validAttachments(configuration);
    configuredLog(configuration);
  }
  return read;
}

test("the reference has every key that is read, and no other", () => {
  // The reference describes these together with their parents.
  const told = ["args", "args.cni", "runtimeConfig", "ipam.type", "cni.dev/attachments"];
  const read = [...keysRead()].filter((key) => !told.includes(key));
  expect(documentedKeys().sort()).toEqual(read.sort());
});
