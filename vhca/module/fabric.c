// SPDX-License-Identifier: GPL-2.0
/* The fabric: carries UD datagrams between queue pairs. */
#include <linux/slab.h>

#include "user.h"

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

static u32 scatter(struct vhca_rwqe *r, u32 off, const void *src, u32 len)
{
	u32 done = 0, pos = 0;
	int i;

	for (i = 0; i < r->nsge && done < len; i++) {
		u32 sl = r->sge[i].length, in, n;

		if (off + done < pos + sl) {
			in = off + done - pos;
			n = min(sl - in, len - done);
			memcpy((u8 *)(uintptr_t)r->sge[i].addr + in,
			       src + done, n);
			done += n;
		}
		pos += sl;
	}
	return done;
}

/* Puts one datagram into a QP's next receive buffer; grh may be NULL. */
void vhca_receive(struct vhca_qp *qp, u16 slid, u32 src_qpn,
		  const struct ib_grh *grh, const struct vhca_packet *p)
{
	struct vhca_dev *d = to_vdev(qp->ibqp.device);
	struct vhca_rwqe *r;
	struct ib_wc wc = {};

	if (qp->state != IB_QPS_RTR && qp->state != IB_QPS_RTS)
		return;
	if ((p->from_user || qp->user) && p->qkey != qp->qkey)
		return;
	if (qp->user) {
		vhca_user_receive(qp->user, slid, src_qpn, grh, p);
		return;
	}
	r = list_first_entry_or_null(&qp->rq, struct vhca_rwqe, link);
	if (!r)
		return;
	list_del(&r->link);
	if (grh) {
		scatter(r, 0, grh, sizeof(*grh));
		wc.wc_flags |= IB_WC_GRH;
	}
	wc.status = scatter(r, sizeof(*grh), p->data, p->len) == p->len ?
		    IB_WC_SUCCESS : IB_WC_LOC_LEN_ERR;
	wc.wr_id = r->wr_id;
	wc.opcode = IB_WC_RECV;
	wc.byte_len = p->len + sizeof(*grh);
	wc.qp = &qp->ibqp;
	wc.src_qp = src_qpn;
	wc.slid = slid;
	wc.port_num = 1;
	vhca_count_rx(d, p->len);
	vhca_complete(qp->ibqp.recv_cq, &wc, true);
	kfree(r);
}

static bool qp_joined(const struct vhca_qp *qp, const union ib_gid *group)
{
	struct vhca_mc *mc;

	list_for_each_entry(mc, &qp->mcs, link)
		if (!memcmp(&mc->gid, group, sizeof(*group)))
			return true;
	return false;
}

static void multicast(struct vhca_dev *src, struct vhca_qp *sqp,
		      const struct ib_grh *grh, const struct vhca_packet *p)
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

void vhca_send(struct vhca_dev *src, struct vhca_qp *sqp,
	       const struct rdma_ah_attr *ah, u32 dqpn,
	       const struct vhca_packet *p)
{
	const struct ib_global_route *g = NULL;
	u16 dlid = rdma_ah_get_dlid(ah);
	struct ib_grh grh = {};
	struct vhca_dev *d;
	struct vhca_qp *qp;

	vhca_count_tx(src, p->len);
	if (!vhca_link_up(src))
		return;
	if (rdma_ah_get_ah_flags(ah) & IB_AH_GRH) {
		g = rdma_ah_read_grh(ah);
		grh.version_tclass_flow = cpu_to_be32(6 << 28);
		grh.paylen = cpu_to_be16(p->len);
		grh.next_hdr = 0x1b;
		grh.hop_limit = g->hop_limit;
		grh.dgid = g->dgid;
		vhca_make_gid(src, &grh.sgid);
	}
	if (dqpn == 0)				/* SMPs have no receiver */
		return;
	if (dqpn == 1 && dlid == VHCA_SM_LID) {
		vhca_sa_answer(src, p->data, p->len);
		return;
	}
	if (g && dlid >= VHCA_MCAST_LID) {
		multicast(src, sqp, &grh, p);
		return;
	}
	d = vhca_port_by_lid(dlid);
	if (!d || !vhca_link_up(d))
		return;
	qp = vhca_qp_by_num(d, dqpn);
	if (qp)
		vhca_receive(qp, src->lid, sqp->ibqp.qp_num, g ? &grh : NULL,
			     p);
}
