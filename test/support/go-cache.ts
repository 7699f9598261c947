/** Returns a cache as the Go plugin of 2026-06-24 writes it. */
export const goCache = {
  ContIFNames: "net1",
  HostIFGUID: "00:00:00:00:00:00:00:00",
  HostIFNames: "ib1",
  Master: "ib0",
  RdmaNetState: { containerRdmaDevName: "", deviceID: "", sandboxRdmaDevName: "", version: "" },
  VFID: 0,
  args: { cni: null },
  cniVersion: "1.0.0",
  deviceID: "0000:01:10.0",
  ipam: { type: "host-local" },
  link_state: "enable",
  name: "mynet",
  pkey: "",
  runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:0A" },
  type: "ib-sriov",
} as const;
