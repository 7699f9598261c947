/** The state directory. */
export const stateDirectory = "/var/lib/cni/ib-sriov";
