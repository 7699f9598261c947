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
 *	pci.c		binds PCI functions, creates and removes VFs
 *	params.c	module parameters and one-shot faults
 *	port.c		the attributes of a device and its port
 *	vf.c		a PF's settings of its VFs: GUIDs, link state, statistics
 *	counters.c	the traffic counters of ports
 *	pkeys.c		the pkey tables of VFs, which a test sets
 *	verbs.c		protection domains, address handles and other small objects
 *	qp.c, cq.c	queue pairs and completion queues
 *	fabric.c, sa.c	the fabric between ports, and its subnet administration
 *
 * For user space (user.h):
 *	queue.c, mr.c	rings and memory regions
 *	user.c, srq.c	queue pairs and shared receive queues
 *	send.c		executes the work requests of send queues
 *	rdma.c		messages of connected queue pairs
 */
#ifndef VHCA_H
#define VHCA_H

#include <linux/if_link.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <rdma/ib_addr.h>
#include <rdma/ib_pack.h>
#include <rdma/ib_verbs.h>

#define VHCA_MAX_VFS	64
#define VHCA_MAX_SGE	20
#define VHCA_MAX_PKT	8192
#define VHCA_MAX_WR	4096
#define VHCA_MAX_CQE	(1 << 16)
#define VHCA_MAX_MSG	(1U << 30)
#define VHCA_SM_LID	1
#define VHCA_PKEYS	4		/* entries of a port's pkey table */
#define VHCA_DEFAULT_PKEY 0xffff
#define VHCA_MCAST_LID	0xc000		/* multicast LIDs start here */
#define VHCA_PREFIX	0xfe80000000000000ULL

/* params.c */

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

/* objects */

struct vhca_dev;
struct vhca_queue;
struct vhca_user;

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

struct vhca_ah {
	struct ib_ah ibah;
	struct rdma_ah_attr attr;
	u32 num;			/* 0 in the kernel */
};

struct vhca_pd {
	struct ib_pd ibpd;
};

struct vhca_uctx {
	struct ib_ucontext ibuctx;
};

struct vhca_cq {
	struct ib_cq ibcq;
	struct list_head wcs;		/* in the kernel */
	struct vhca_queue *ring;	/* in user space */
	enum ib_cq_notify_flags armed;
	bool overrun;
	struct work_struct work;
};

/* A UD datagram without its addresses. */
struct vhca_packet {
	const void *data;
	u32 len;
	bool from_user;			/* then the keys are checked */
	u32 qkey;
	u16 pkey;
	bool has_imm, solicited;
	__be32 imm;
};

struct vhca_wce {
	struct list_head link;
	struct ib_wc wc;
};

struct vhca_rwqe {
	struct list_head link;
	u64 wr_id;
	int nsge;
	struct ib_sge sge[VHCA_MAX_SGE];
};

struct vhca_mc {
	struct list_head link;
	union ib_gid gid;
};

struct vhca_qp {
	struct ib_qp ibqp;
	struct list_head link;		/* in vhca_dev.qps */
	struct list_head rq, mcs;
	enum ib_qp_state state;
	u32 qkey;
	struct ib_qp_init_attr init;
	bool sig_all;
	struct vhca_user *user;		/* NULL in the kernel */
};

static inline struct vhca_dev *to_vdev(struct ib_device *ibdev)
{
	return container_of(ibdev, struct vhca_dev, ibdev);
}

static inline struct vhca_ah *to_vah(struct ib_ah *ibah)
{
	return container_of(ibah, struct vhca_ah, ibah);
}

static inline struct vhca_cq *to_vcq(struct ib_cq *ibcq)
{
	return container_of(ibcq, struct vhca_cq, ibcq);
}

static inline struct vhca_qp *to_vqp(struct ib_qp *ibqp)
{
	return container_of(ibqp, struct vhca_qp, ibqp);
}

/* vf.c */

extern struct mutex vhca_vfs_lock;	/* guards every PF's vfs[] */
extern const struct ib_device_ops vhca_pf_ops;
extern struct pci_driver vhca_driver;	/* pci.c */

void vhca_vfs_init(struct vhca_dev *pf);
void vhca_take_guids(struct vhca_vf *vf, struct vhca_dev *d);

/* counters.c */

extern const struct ib_device_ops vhca_counter_ops;
/* Count a packet for a device, and for its PF, whose port carries the traffic of its VFs, too. */
void vhca_count_rx(struct vhca_dev *d, size_t len);
void vhca_count_tx(struct vhca_dev *d, size_t len);

/* pkeys.c */

void vhca_notify_pkeys(struct vhca_vf *vf);

/* port.c */

extern const struct ib_device_ops vhca_port_ops;

bool vhca_link_up(struct vhca_dev *d);
void vhca_make_gid(struct vhca_dev *d, union ib_gid *gid);

u16 vhca_pkey(struct vhca_dev *d, u16 index);

/* verbs.c, qp.c, cq.c */

extern const struct ib_device_ops vhca_verbs_ops, vhca_qp_ops, vhca_cq_ops;
extern struct ib_client vhca_client;

void vhca_complete(struct ib_cq *ibcq, const struct ib_wc *wc, bool solicited);

/* fabric.c, sa.c; all but attach, detach, init and exit need vhca_fabric_lock held */

/* One lock for the whole fabric: ports, QPs, receive queues and CQs. */
extern spinlock_t vhca_fabric_lock;

void vhca_attach_port(struct vhca_dev *d);
void vhca_detach_port(struct vhca_dev *d);
struct vhca_dev *vhca_port_by_gid(const u8 *gid);
struct vhca_qp *vhca_qp_by_num(struct vhca_dev *d, u32 qpn);
void vhca_send(struct vhca_dev *src, struct vhca_qp *sqp,
	       const struct rdma_ah_attr *ah, u32 dqpn,
	       const struct vhca_packet *p);
void vhca_receive(struct vhca_qp *qp, u16 slid, u32 src_qpn,
		  const struct ib_grh *grh, const struct vhca_packet *p);
void vhca_fabric_barrier(void);
struct vhca_dev *vhca_port_by_lid(u16 lid);
int vhca_sa_init(void);
void vhca_sa_exit(void);
void vhca_sa_answer(struct vhca_dev *src, const void *req, u32 len);

#endif
