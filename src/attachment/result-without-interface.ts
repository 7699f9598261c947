import { composeResult, type Result } from "../cni/result.ts";
import { encodeResult } from "../cni/result-encode.ts";
import type { Reply } from "./call.ts";

/**
 * What the runtime is told where the container gets no interface: what the plugins before us have made, if any.
 * @throws {CniError} where the runtime's version cannot express it: a result of 0.1.0 is made of addresses.
 */
export function resultWithoutInterface({ prevResult, dns, cniVersion }: Reply): Result {
  const result = composeResult({ prevResult, own: undefined, ipam: undefined, dns });
  encodeResult(result, cniVersion);
  return result;
}
