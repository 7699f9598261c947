/* SPDX-License-Identifier: GPL-2.0 */
/* Module parameters and one-shot faults. */
#ifndef VHCA_PARAMS_H
#define VHCA_PARAMS_H

#include <linux/types.h>

struct vhca_fault {
	int err, skip;
};

extern char *vhca_drvname, *vhca_devname;
extern unsigned long long vhca_pf_guid;
extern bool vhca_ipoib_netns, vhca_no_netdev, vhca_disguise, vhca_drop_guid;
extern int vhca_probe_delay_ms, vhca_remove_delay_ms, vhca_late_ms, vhca_port_mtu,
	   vhca_sa_delay_ms, vhca_port_count, vhca_guid_late_ms, vhca_guid_binds,
	   vhca_guid_busy;
extern struct vhca_fault vhca_fail_guid, vhca_fail_link, vhca_fail_probe,
			 vhca_fail_sriov, vhca_fail_vfcfg;

int vhca_fault(struct vhca_fault *f);

#endif
