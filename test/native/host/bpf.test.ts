import { expect, test } from "vitest";
import { evaluate, failure } from "../harness.ts";

/** BPF_TCX_INGRESS of enum bpf_attach_type, linux/bpf.h, and an attach type that no kernel has. */
const [INGRESS, UNKNOWN] = [46, 4000];

test("a netdev has no tcx programs, or the kernel has no tcx", () => {
  const none = ["EINVAL", "ENOSYS", "ENOENT", "EPERM"];
  const programs = evaluate("return [...(host.bpfPrograms(1, input[0], input[1]) ?? [])];", [INGRESS, none]);
  expect(programs).toEqual([]);
});

test("an errno of the kernel is an error, unless it is expected", () => {
  const { code, call } = failure("host.bpfPrograms(1, input, []);", UNKNOWN) as {
    code: string;
    call: string;
  };
  expect(call).toBe("bpf BPF_PROG_QUERY");
  expect(["EINVAL", "EPERM", "ENOSYS"]).toContain(code);
  expect(evaluate("return host.bpfPrograms(1, input[0], [input[1]]) ?? 'none';", [UNKNOWN, code])).toBe(
    "none",
  );
});
