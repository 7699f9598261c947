// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters. Parameters of mode 0644 can be changed at any time below
 * /sys/module/vhca/parameters/.
 */
#include <linux/moduleparam.h>

#include "params.h"

char *vhca_drvname = "vhca";
module_param_named(drvname, vhca_drvname, charp, 0444);
MODULE_PARM_DESC(drvname, "PCI driver name, e.g. mlx5_core");

char *vhca_devname = "vhca_%d";
module_param_named(devname, vhca_devname, charp, 0444);
MODULE_PARM_DESC(devname, "RDMA device name format, e.g. mlx5_%d");

bool vhca_disguise;
module_param_named(disguise, vhca_disguise, bool, 0444);
MODULE_PARM_DESC(disguise, "show ConnectX-6 ids and the InfiniBand class in sysfs");

unsigned long long vhca_pf_guid = 0x98039b0300ab0000ULL;
module_param_named(pf_guid, vhca_pf_guid, ullong, 0444);
MODULE_PARM_DESC(pf_guid, "base of the PFs' GUIDs; bits 8 to 15 are the PCI bus number");

bool vhca_ipoib_netns;
module_param_named(ipoib_netns, vhca_ipoib_netns, bool, 0644);
MODULE_PARM_DESC(ipoib_netns, "make IPoIB netdevs in the RDMA device's netns, as kernels since f1208b05574f (6.17) do; else in the initial netns, as older kernels do");

int vhca_probe_delay_ms;
module_param_named(probe_delay_ms, vhca_probe_delay_ms, int, 0644);
MODULE_PARM_DESC(probe_delay_ms, "sleep in each VF probe");

int vhca_remove_delay_ms;
module_param_named(remove_delay_ms, vhca_remove_delay_ms, int, 0644);
MODULE_PARM_DESC(remove_delay_ms, "sleep in each VF remove");

int vhca_port_mtu = 2048;
module_param_named(port_mtu, vhca_port_mtu, int, 0644);
MODULE_PARM_DESC(port_mtu, "MTU of ports whose driver binds after this is set; the subnet's broadcast group always has 2048");

int vhca_late_ms;
module_param_named(late_ms, vhca_late_ms, int, 0644);
MODULE_PARM_DESC(late_ms, "delay between the return of a VF's probe and the registration of its RDMA device (and so of its netdev)");

int vhca_sa_delay_ms;
module_param_named(sa_delay_ms, vhca_sa_delay_ms, int, 0644);
MODULE_PARM_DESC(sa_delay_ms, "delay of answers of the subnet administrator; a port that is down at that time does not get the answer");

bool vhca_no_netdev;
module_param_named(no_netdev, vhca_no_netdev, bool, 0644);
MODULE_PARM_DESC(no_netdev, "make IPoIB fail to create its netdev on RDMA devices");

int vhca_port_count = 1;
module_param_named(ports, vhca_port_count, int, 0644);
MODULE_PARM_DESC(ports, "ports (1 or 2) of functions whose driver binds after this is set; the second one has no cable");

int vhca_guid_late_ms;
module_param_named(guid_late_ms, vhca_guid_late_ms, int, 0644);
MODULE_PARM_DESC(guid_late_ms, "time after which a VF GUID that was accepted is given to a driver that binds; until then the driver gets the old one");

int vhca_guid_binds = 1;
module_param_named(guid_binds, vhca_guid_binds, int, 0644);
MODULE_PARM_DESC(guid_binds, "number of the bind of a VF's driver, after a GUID was set, that gets the GUID");

int vhca_guid_busy;
module_param_named(guid_busy, vhca_guid_busy, int, 0644);
MODULE_PARM_DESC(guid_busy, "number of the next calls to set a VF GUID that fail with EBUSY");

bool vhca_drop_guid;
module_param_named(drop_guid, vhca_drop_guid, bool, 0644);
MODULE_PARM_DESC(drop_guid, "report success for a VF GUID but keep the old one");

/*
 * One-shot faults: write an errno to fail_X, and to skip_X the number of calls
 * that succeed before the call that fails.
 */
struct vhca_fault vhca_fail_guid, vhca_fail_link, vhca_fail_probe,
		  vhca_fail_sriov, vhca_fail_vfcfg;

#define VHCA_FAULT(n) \
	module_param_named(fail_##n, vhca_fail_##n.err, int, 0644); \
	module_param_named(skip_##n, vhca_fail_##n.skip, int, 0644)
VHCA_FAULT(guid);
VHCA_FAULT(link);
VHCA_FAULT(probe);
VHCA_FAULT(sriov);
VHCA_FAULT(vfcfg);

/* Returns the negative errno with which this call must fail, or 0. */
int vhca_fault(struct vhca_fault *f)
{
	int err = READ_ONCE(f->err);

	if (!err)
		return 0;
	if (f->skip > 0) {
		f->skip--;
		return 0;
	}
	f->err = 0;
	return -abs(err);
}
