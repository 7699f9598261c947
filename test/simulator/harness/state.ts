/** Where the attachments are written down. */
export const stateDirectory = "/var/lib/cni/ib-sriov";
