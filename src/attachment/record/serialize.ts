// Writes the two parts of a record as JSON without JSON.stringify, which takes four times as long: every ADD writes a
// record. GUIDs, PCI addresses, numbers and constants need no escapes.
import type { AttachmentRecord, Desired, Originals } from "./record.ts";

/** Serializes the members of `attachment` that follow `format` and `state`, which recordDocument of parse.ts writes. */
export function planMembers(record: AttachmentRecord): string {
  const { vf, call, mode } = record;
  let text = `"containerId":${quoted(record.containerId)},"ifname":${quoted(record.ifname)}`;
  text += `,"netns":${quoted(record.netns)},"netnsCookie":${quoted(record.netnsCookie)}`;
  if (mode !== undefined) text += `,"mode":"${mode}"`;
  text += `,"bootId":${quoted(record.bootId)},"since":${record.since}`;
  text += `,"vf":{"pci":"${vf.pci}","pf":"${vf.pf}","index":${vf.index},"incarnation":${quoted(vf.incarnation)}}`;
  text += `,"found":${originalsText(record.found)},"wanted":${wantedText(record.wanted)}`;
  return `${text},"call":{"stdin":${quoted(call.stdin)},"args":${quoted(call.args)},"path":${quoted(call.path)}}`;
}

function originalsText(found: Originals): string {
  const {
    mtu,
    up,
    settings,
    napi,
    tcx,
    adminNodeGuid,
    adminPortGuid,
    linkState,
    rdma,
    deviceInfo,
    leftGuids,
  } = found;
  let text = `{"name":${quoted(found.name)},"altnames":${list(found.altnames)}`;
  if (mtu !== undefined) text += `,"mtu":${mtu}`;
  if (up !== undefined) text += `,"up":${up}`;
  if (settings !== undefined) text += `,"settings":${JSON.stringify(settings)}`;
  if (napi !== undefined) text += `,"napi":${JSON.stringify(napi)}`;
  if (tcx !== undefined) text += `,"tcx":${JSON.stringify(tcx)}`;
  text += `,"nodeGuid":"${found.nodeGuid}","portGuid":"${found.portGuid}"`;
  if (adminNodeGuid !== undefined) text += `,"adminNodeGuid":"${adminNodeGuid}"`;
  if (adminPortGuid !== undefined) text += `,"adminPortGuid":"${adminPortGuid}"`;
  if (linkState !== undefined) text += `,"linkState":"${linkState}"`;
  if (rdma !== undefined) text += `,"rdma":{"devices":${list(rdma.devices)},"files":${list(rdma.files)}}`;
  if (deviceInfo !== undefined) text += `,"deviceInfo":${quoted(deviceInfo)}`;
  if (leftGuids !== undefined) text += `,"leftGuids":${list(leftGuids)}`;
  return `${text},"driver":${quoted(found.driver)}}`;
}

function wantedText(wanted: Desired): string {
  const { guid, linkState, rdmaIsolation, mtu, carrierTime, partition, deviceInfo } = wanted;
  let text = "";
  if (guid !== undefined) text += `,"guid":"${guid}"`;
  if (linkState !== undefined) text += `,"linkState":"${linkState}"`;
  if (rdmaIsolation !== undefined) text += `,"rdmaIsolation":${rdmaIsolation}`;
  if (mtu !== undefined) text += `,"mtu":${mtu}`;
  if (carrierTime !== undefined) text += `,"carrierTime":${carrierTime}`;
  if (partition !== undefined) text += `,"partition":${JSON.stringify(partition)}`;
  if (deviceInfo !== undefined) text += `,"deviceInfo":${quoted(deviceInfo)}`;
  return `{${text.slice(1)}}`;
}

/** Strings of the network configuration; "" if a key is missing or has another type. */
export interface ConfiguredTexts {
  readonly cniVersion: string;
  readonly name: string;
  readonly type: string;
  readonly ipamType: string;
  readonly pkey: string;
}

/**
 * Returns the members that the Go plugin reads, under the names that it uses.
 * @param pfName name of the PF's netdev.
 */
export function goCacheMembers(
  record: AttachmentRecord,
  pfName: string,
  configured: ConfiguredTexts,
): string {
  const { found, vf, wanted } = record;
  const { guid = "", linkState, rdmaIsolation } = wanted;
  // With `rdmaIsolation`, the Go plugin moves one RDMA device back; its cache has no place for more.
  const device = quoted((rdmaIsolation === true ? found.rdma?.devices[0] : undefined) ?? "");
  let text = `"cniVersion":${quoted(configured.cniVersion)},"name":${quoted(configured.name)}`;
  text += `,"type":${quoted(configured.type)},"ipam":{"type":${quoted(configured.ipamType)}}`;
  text += `,"Master":${quoted(pfName)},"deviceID":"${vf.pci}","VFID":${vf.index},"HostIFNames":${quoted(found.name)}`;
  // The Go plugin restores the VF's GUIDs if and only if HostIFGUID is not empty.
  text += `,"HostIFGUID":"${guid === "" ? "" : found.portGuid}","ContIFNames":${quoted(record.ifname)}`;
  text += `,"pkey":${quoted(configured.pkey)}`;
  if (linkState !== undefined) text += `,"link_state":"${linkState}"`;
  if (record.mode === "vfio") text += ',"vfioPciMode":true';
  if (rdmaIsolation !== undefined) text += `,"rdmaIsolation":${rdmaIsolation}`;
  text += `,"RdmaNetState":{"version":"","deviceID":"${rdmaIsolation === true ? vf.pci : ""}"`;
  text += `,"sandboxRdmaDevName":${device},"containerRdmaDevName":${device}}`;
  return `${text},"runtimeConfig":{"infinibandGUID":"${guid}"},"args":{"cni":null}`;
}

function quoted(text: string): string {
  return text === "" ? '""' : JSON.stringify(text);
}

function list(texts: readonly string[]): string {
  return texts.length === 0 ? "[]" : JSON.stringify(texts);
}
