import { describe, expect, it } from "vitest";
import { datagramOf, rdmaRequests, vectorRequests } from "../vectors/capture/requests.ts";
import { vector } from "../vectors/vectors.ts";

describe("requests are byte for byte those that a real kernel has answered", () => {
  it.each(Object.entries({ ...vectorRequests(), ...rdmaRequests() }))("%s", (name, requests) => {
    expect(vector(name).sent).toEqual([datagramOf(requests)]);
  });
});
