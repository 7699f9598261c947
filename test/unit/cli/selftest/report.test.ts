import { expect, test } from "vitest";
import { REDACTED } from "../../../../src/cli/output/text.ts";
import { withoutGuids } from "../../../../src/cli/selftest/report.ts";

test.each([
  "00:11:22:33:44:55:66:77",
  "AA-11-22-33-44-55-66-77",
  "0011:2233:4455:6677",
  "0011223344556677",
  "0xaabbccddeeff0011",
  "fe80::11:2233:4455:6677",
])("the GUID in %s is redacted, also in a path", (guid) => {
  expect(withoutGuids(`GUID ${guid}`)).toBe(`GUID ${REDACTED}`);
  expect(withoutGuids(`create /var/lib/cni/ib-sriov/.guid/${guid}: EEXIST`)).toBe(
    `create /var/lib/cni/ib-sriov/.guid/${REDACTED}: EEXIST`,
  );
});

test.each(["0000:03:00.2", "28.39.1002", "10.11.12.13", "2026-12-02T20:00:00Z", "0123456789abcdef0123"])(
  "%s is not a GUID",
  (text) => {
    expect(withoutGuids(text)).toBe(text);
  },
);
