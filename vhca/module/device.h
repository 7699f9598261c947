/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vhca - a virtual InfiniBand SR-IOV HCA, for tests only.
 *
 * Binds QEMU's emulated Intel 82576 (igb) functions, real PCI SR-IOV devices,
 * and registers one ib_device with an InfiniBand link layer per function, so
 * that the kernel's ib_core, ib_ipoib and rtnetlink run on it unchanged.
 * Queue pairs are software queues. All functions are connected to one
 * in-kernel "fabric", which carries UD datagrams and the messages of connected
 * queue pairs between them, and answers the subnet administration queries of
 * IPoIB (multicast join and path records).
 *
 * User space sees the ABI of rxe, so that rdma-core's provider for rxe, without
 * changes, makes verbs of it.
 *
 * Behavior copied from mlx5: a VF takes its GUIDs when its driver binds, so a
 * GUID that is set through the PF is in effect only after unbind and bind; a
 * new VF's GUIDs are zero, and its link policy is "disable".
 *
 * The files are on floors. Each uses only its own floor and those below it, and
 * the header of a floor declares what its files define:
 *
 *	pci.c, pkeys.c, qp.c		hca.h: binds PCI functions, and registers
 *					devices with their verbs
 *	user.c, send.c, rdma.c, ud.c,	user.h: queue pairs of user space
 *	requests.c
 *	verbs.c, kernel.c, datagram.c,	verbs.h: small objects, queue pairs of the
 *	sa.c				kernel, datagrams, subnet administration
 *	queue.c, cq.c, srq.c		queue.h: rings, completion queues, shared
 *					receive queues
 *	mr.c				memory.h: memory regions
 *	fabric.c			fabric.h: finds ports and queue pairs
 *	port.c, vf.c, counters.c	device.h: a device, its port, a PF's VFs
 *	params.c			params.h: module parameters and faults
 */
#ifndef VHCA_DEVICE_H
#define VHCA_DEVICE_H

#include <linux/if_link.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <rdma/ib_verbs.h>

#include "params.h"

/* Limits that a device reports. */
#define VHCA_MAX_SGE	20
#define VHCA_MAX_WR	4096
#define VHCA_MAX_CQE	(1 << 16)
#define VHCA_MAX_MSG	(1U << 30)

#define VHCA_MAX_VFS	64
#define VHCA_PKEYS	4		/* entries of a port's pkey table */
#define VHCA_DEFAULT_PKEY 0xffff
#define VHCA_SM_LID	1		/* those of ports are above it */
#define VHCA_PREFIX	0xfe80000000000000ULL

struct vhca_vf {
	u64 node_guid, port_guid;	/* as set */
	u64 given_node, given_port;	/* to the last driver that was bound */
	unsigned long guid_set;		/* jiffies */
	int binds;			/* since then */
	int link;			/* IFLA_VF_LINK_STATE_* */
	u16 pkeys[VHCA_PKEYS];		/* set in the place of a subnet manager */
	bool pkeys_pending;		/* the device must still be notified */
	struct vhca_dev *dev;		/* while the VF's driver is bound */
};

struct vhca_dev {
	struct ib_device ibdev;		/* must be first, for ib_alloc_device */
	struct pci_dev *pdev;
	struct delayed_work reg;
	bool registered;
	struct vhca_dev *pf;		/* NULL on a PF */
	int vf;				/* -1 on a PF */
	int id;
	u16 lid;
	u64 node_guid, port_guid;	/* taken when the driver binds */
	struct list_head link;		/* in the fabric */
	struct list_head qps;
	struct xarray mrs, ahs;		/* of user space, by number */
	u32 next_mr, next_ah;
	bool gone;			/* user space must end its use */
	u64 rx_packets, rx_bytes, tx_packets, tx_bytes; /* a PF: of its VFs, too */
	struct vhca_vf vfs[VHCA_MAX_VFS];
};

static inline struct vhca_dev *to_vdev(struct ib_device *ibdev)
{
	return container_of(ibdev, struct vhca_dev, ibdev);
}

/* port.c */

extern const struct ib_device_ops vhca_port_ops;

bool vhca_link_up(struct vhca_dev *d);
void vhca_make_gid(struct vhca_dev *d, union ib_gid *gid);
u16 vhca_pkey(struct vhca_dev *d, u16 index);
bool vhca_pkeys_match(u16 a, u16 b);

/* vf.c */

extern struct mutex vhca_vfs_lock;	/* guards every PF's vfs[] */
extern const struct ib_device_ops vhca_pf_ops;

void vhca_vfs_init(struct vhca_dev *pf);
void vhca_take_guids(struct vhca_vf *vf, struct vhca_dev *d);
void vhca_notify_pkeys(struct vhca_vf *vf);

/* counters.c */

extern const struct ib_device_ops vhca_counter_ops;
/* Count a packet for a device, and for its PF, whose port carries the traffic of its VFs, too. */
void vhca_count_rx(struct vhca_dev *d, size_t len);
void vhca_count_tx(struct vhca_dev *d, size_t len);

#endif
