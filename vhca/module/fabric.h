/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fabric: the ports, the queue pairs that are attached to them, and the lock
 * that guards all of them.
 */
#ifndef VHCA_FABRIC_H
#define VHCA_FABRIC_H

#include <linux/spinlock.h>
#include <rdma/ib_pack.h>

#include "device.h"

#define VHCA_MAX_PKT	8192
#define VHCA_MCAST_LID	0xc000		/* multicast LIDs start here */

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

struct vhca_mc {
	struct list_head link;
	union ib_gid gid;
};

struct vhca_qp {
	struct ib_qp ibqp;
	struct list_head link;		/* in vhca_dev.qps */
	struct list_head mcs;
	enum ib_qp_state state;
	u32 qkey;
	struct ib_qp_init_attr init;
	bool sig_all;
	/* Takes a datagram; grh may be NULL. */
	void (*receive)(struct vhca_qp *qp, u16 slid, u32 src_qpn,
			const struct ib_grh *grh, const struct vhca_packet *p);
	struct list_head rq;		/* in the kernel */
	struct vhca_user *user;		/* NULL in the kernel */
};

static inline struct vhca_qp *to_vqp(struct ib_qp *ibqp)
{
	return container_of(ibqp, struct vhca_qp, ibqp);
}

/* fabric.c; all but attach, detach and barrier need vhca_fabric_lock held */

/* One lock for the whole fabric: ports, QPs, receive queues and CQs. */
extern spinlock_t vhca_fabric_lock;

void vhca_attach_port(struct vhca_dev *d);
void vhca_detach_port(struct vhca_dev *d);
void vhca_fabric_barrier(void);
struct vhca_dev *vhca_port_by_gid(const u8 *gid);
struct vhca_dev *vhca_port_by_lid(u16 lid);
struct vhca_qp *vhca_qp_by_num(struct vhca_dev *d, u32 qpn);
void vhca_receive(struct vhca_qp *qp, u16 slid, u32 src_qpn,
		  const struct ib_grh *grh, const struct vhca_packet *p);
void vhca_receive_multicast(struct vhca_dev *src, struct vhca_qp *sqp,
			    const struct ib_grh *grh,
			    const struct vhca_packet *p);

#endif
