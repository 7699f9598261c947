// SPDX-License-Identifier: GPL-2.0
/* The fabric: the ports, and the queue pairs that are attached to them. */
#include "fabric.h"

DEFINE_SPINLOCK(vhca_fabric_lock);
static LIST_HEAD(vhca_ports);

void vhca_attach_port(struct vhca_dev *d)
{
	unsigned long flags;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	list_add_tail(&d->link, &vhca_ports);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
}

void vhca_detach_port(struct vhca_dev *d)
{
	unsigned long flags;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	list_del(&d->link);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
}

/*
 * Waits until no other processor uses an object that can no longer be found:
 * objects are found and used under the lock.
 */
void vhca_fabric_barrier(void)
{
	unsigned long flags;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
}

struct vhca_dev *vhca_port_by_lid(u16 lid)
{
	struct vhca_dev *d;

	list_for_each_entry(d, &vhca_ports, link)
		if (d->lid == lid)
			return d;
	return NULL;
}

struct vhca_dev *vhca_port_by_gid(const u8 *gid)
{
	union ib_gid g;
	struct vhca_dev *d;

	list_for_each_entry(d, &vhca_ports, link) {
		vhca_make_gid(d, &g);
		if (!memcmp(g.raw, gid, 16))
			return d;
	}
	return NULL;
}

struct vhca_qp *vhca_qp_by_num(struct vhca_dev *d, u32 qpn)
{
	struct vhca_qp *qp;

	list_for_each_entry(qp, &d->qps, link)
		if (qp->ibqp.qp_num == qpn)
			return qp;
	return NULL;
}

/* Gives a datagram to a queue pair, if it can receive it; grh may be NULL. */
void vhca_receive(struct vhca_qp *qp, u16 slid, u32 src_qpn,
		  const struct ib_grh *grh, const struct vhca_packet *p)
{
	if (qp->state != IB_QPS_RTR && qp->state != IB_QPS_RTS)
		return;
	if ((p->from_user || qp->user) && p->qkey != qp->qkey)
		return;
	qp->receive(qp, slid, src_qpn, grh, p);
}

static bool qp_joined(const struct vhca_qp *qp, const union ib_gid *group)
{
	struct vhca_mc *mc;

	list_for_each_entry(mc, &qp->mcs, link)
		if (!memcmp(&mc->gid, group, sizeof(*group)))
			return true;
	return false;
}

/* Gives a datagram to all members of a multicast group except its sender. */
void vhca_receive_multicast(struct vhca_dev *src, struct vhca_qp *sqp,
			    const struct ib_grh *grh,
			    const struct vhca_packet *p)
{
	struct vhca_dev *d;
	struct vhca_qp *qp;

	list_for_each_entry(d, &vhca_ports, link) {
		if (!vhca_link_up(d))
			continue;
		list_for_each_entry(qp, &d->qps, link)
			if (qp != sqp && qp_joined(qp, &grh->dgid))
				vhca_receive(qp, src->lid, sqp->ibqp.qp_num,
					     grh, p);
	}
}
