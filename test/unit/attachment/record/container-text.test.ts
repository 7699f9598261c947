import { expect, test } from "vitest";
import { containerText, podOf } from "../../../../src/attachment/record/container-text.ts";
import { aRecord } from "../../../support/records.ts";

const withArgs = (args: string) => aRecord({ call: { ...aRecord().call, args } });

test.each([
  [
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer-0;K8S_POD_UID=1",
    "default/trainer-0",
    "container c1 of pod default/trainer-0",
  ],
  ["K8S_POD_NAME=trainer-0", "/trainer-0", "container c1 of pod /trainer-0"],
  ["K8S_POD_NAMESPACE=default", undefined, "container c1"],
  ["", undefined, "container c1"],
])("the container of an attachment with CNI_ARGS %j", (args, pod, text) => {
  expect(podOf(withArgs(args))).toBe(pod);
  expect(containerText(withArgs(args))).toBe(text);
});
