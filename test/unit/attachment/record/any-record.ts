import fc from "fast-check";
import type { Desired } from "../../../../src/attachment/record/desired.ts";
import type { AttachmentRecord, Originals } from "../../../../src/attachment/record/record.ts";
import { guidFromBytes } from "../../../../src/infiniband/guid.ts";
import type { LinkSettings } from "../../../../src/node/link-settings.ts";

/** One arbitrary for each member; the compiler reports missing ones. */
type Arbitraries<T> = { readonly [Key in keyof Required<T>]: fc.Arbitrary<T[Key]> };

/** Texts with every character that JSON must escape, that would end a line, or that is half of a surrogate pair. */
export const hardText = fc.string({
  unit: fc.constantFrom(
    ...[
      '"',
      "\\",
      "/",
      "\n",
      ",\n",
      "\r",
      "\0",
      "\b",
      "\x1f",
      "\x7f",
      "\u2028",
      "\u2029",
      "\ufeff",
      "\ufffe",
    ],
    ...["\ud800", "\udfff", "😀", "é", "a", "1", " ", "}", "]", ",", ":", "u2028", "$&", "`", "${"],
  ),
  maxLength: 12,
});
const texts = fc.array(hardText, { maxLength: 3 });

const guid = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(guidFromBytes);
const linkState = fc.constantFrom("auto", "enable", "disable");
const hex = (digits: number) =>
  fc.nat(16 ** digits - 1).map((each) => each.toString(16).padStart(digits, "0"));
const pci = fc
  .tuple(hex(4), hex(2), fc.nat(31), fc.nat(7))
  .map(([domain, bus, device, index]) => `${domain}:${bus}:${device.toString(16).padStart(2, "0")}.${index}`);
const time = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }));
const maybe = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: undefined });

const settings: Arbitraries<LinkSettings> = {
  flags: fc.nat(),
  txQueueLength: maybe(fc.nat()),
  group: maybe(fc.nat()),
  linkMode: maybe(fc.nat()),
  gsoMaxSize: maybe(fc.nat()),
  gsoMaxSegments: maybe(fc.nat()),
  gsoIpv4MaxSize: maybe(fc.nat()),
  groMaxSize: maybe(fc.nat()),
  groIpv4MaxSize: maybe(fc.nat()),
  alias: hardText,
  broadcast: maybe(hardText),
  mode: maybe(fc.nat(1)),
  umcast: maybe(fc.nat(1)),
  xdpGeneric: fc.nat(),
  xdpDriver: fc.nat(),
  xdpHardware: fc.nat(),
};

const originals: Arbitraries<Originals> = {
  name: hardText,
  altnames: texts,
  mtu: maybe(fc.nat()),
  up: maybe(fc.boolean()),
  settings: maybe(fc.record(settings)),
  tuning: maybe(texts),
  tcx: maybe(fc.array(fc.nat(), { maxLength: 3 })),
  nodeGuid: guid,
  portGuid: guid,
  adminNodeGuid: maybe(guid),
  adminPortGuid: maybe(guid),
  linkState: maybe(linkState),
  rdma: maybe(fc.record({ devices: texts, files: texts })),
  adaptiveModeration: maybe(texts),
  deviceInfo: maybe(hardText),
  driver: hardText,
};

const pkey = fc.record({ partition: fc.integer({ min: 1, max: 0x7fff }), fullMember: fc.boolean() });

const desired: Arbitraries<Desired> = {
  guid: maybe(guid),
  linkState: maybe(linkState),
  rdmaIsolation: maybe(fc.constant(true as const)),
  mtu: maybe(fc.nat()),
  carrierTime: maybe(time),
  partition: maybe(fc.record({ pkey, time })),
  deviceInfo: maybe(hardText),
};

const record: Arbitraries<AttachmentRecord> = {
  state: fc.constantFrom("preparing", "complete", "undo-failed"),
  containerId: hardText,
  ifname: hardText,
  netns: hardText,
  netnsCookie: hardText,
  kind: fc.constantFrom("netdev", "rdma", "vfio"),
  bootId: hardText,
  since: time,
  vf: fc.record({ pci, pf: pci, index: fc.nat(), generation: fc.maxSafeNat().map(String) }),
  originals: fc.record(originals),
  staleGuids: maybe(fc.array(guid, { maxLength: 3 })),
  desired: fc.record(desired),
  call: fc.record({
    stdin: fc.oneof(hardText, fc.json({ stringUnit: "binary" })),
    args: hardText,
    path: hardText,
  }),
};

/** Any record, each member of it with any value that it can have. */
export const anyRecord: fc.Arbitrary<AttachmentRecord> = fc.record(record);
