// SPDX-License-Identifier: GPL-2.0
/*
 * Queue pairs are software queues. Those of the kernel are here, and only UD and
 * management QPs among them carry data; what those of user space do is in
 * user.c.
 */
#include <linux/slab.h>

#include "user.h"

/*
 * Numbers are never reused, so that a netdev has another hardware address
 * after each rebind, as on real hardware. Guarded by vhca_fabric_lock.
 */
static u32 next_qpn = 0x48;

static int vhca_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *init,
			  struct ib_udata *udata)
{
	struct vhca_dev *d = to_vdev(ibqp->device);
	struct vhca_qp *qp = to_vqp(ibqp);
	unsigned long flags;
	int err;

	if (init->create_flags)
		return -EOPNOTSUPP;
	INIT_LIST_HEAD(&qp->rq);
	INIT_LIST_HEAD(&qp->mcs);
	qp->state = IB_QPS_RESET;
	qp->sig_all = init->sq_sig_type == IB_SIGNAL_ALL_WR;
	init->cap.max_inline_data = 0;
	if (udata) {
		err = vhca_user_create(qp, init, udata);
		if (err)
			return err;
	}
	qp->init = *init;
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	switch (init->qp_type) {
	case IB_QPT_SMI:
		ibqp->qp_num = 0;
		break;
	case IB_QPT_GSI:
		ibqp->qp_num = 1;
		break;
	default:
		ibqp->qp_num = next_qpn++ & 0xffffff;
	}
	/* Each port has management QPs; those of the second one are not found. */
	if (ibqp->qp_num < 2 && init->port_num == 2)
		INIT_LIST_HEAD(&qp->link);
	else
		list_add_tail(&qp->link, &d->qps);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return 0;
}

static void flush_rq(struct vhca_qp *qp, bool report)
{
	struct vhca_rwqe *r, *n;

	list_for_each_entry_safe(r, n, &qp->rq, link) {
		struct ib_wc wc = {
			.status = IB_WC_WR_FLUSH_ERR,
			.opcode = IB_WC_RECV,
			.qp = &qp->ibqp,
		};

		wc.wr_id = r->wr_id;
		list_del(&r->link);
		if (report)
			vhca_complete(qp->ibqp.recv_cq, &wc, false);
		kfree(r);
	}
}

static int vhca_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr,
			  int mask, struct ib_udata *udata)
{
	struct vhca_qp *qp = to_vqp(ibqp);
	unsigned long flags;

	if (qp->user)
		return vhca_user_modify(qp->user, attr, mask);
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	if (mask & IB_QP_QKEY)
		qp->qkey = attr->qkey;
	if (mask & IB_QP_STATE) {
		qp->state = attr->qp_state;
		if (qp->state == IB_QPS_ERR)
			flush_rq(qp, true);
		else if (qp->state == IB_QPS_RESET)
			flush_rq(qp, false);
	}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return 0;
}

static int vhca_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
			 struct ib_qp_init_attr *init)
{
	struct vhca_qp *qp = to_vqp(ibqp);

	if (qp->user)
		*attr = qp->user->attr;
	else
		memset(attr, 0, sizeof(*attr));
	attr->qp_state = attr->cur_qp_state = qp->state;
	attr->qkey = qp->qkey;
	attr->port_num = 1;
	attr->cap = qp->init.cap;
	*init = qp->init;
	return 0;
}

static int vhca_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata)
{
	struct vhca_qp *qp = to_vqp(ibqp);
	struct vhca_mc *mc, *n;
	unsigned long flags;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	list_del(&qp->link);
	flush_rq(qp, false);
	list_for_each_entry_safe(mc, n, &qp->mcs, link)
		kfree(mc);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	if (qp->user)
		vhca_user_destroy(qp->user);
	return 0;
}

static int vhca_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad)
{
	struct vhca_qp *qp = to_vqp(ibqp);
	unsigned long flags;
	int err = 0;

	if (qp->user) {
		*bad = wr;
		return -EINVAL;
	}
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	for (; wr; wr = wr->next) {
		struct vhca_rwqe *r = kzalloc(sizeof(*r), GFP_ATOMIC);

		err = !r ? -ENOMEM : qp->state == IB_QPS_RESET ||
		      wr->num_sge > VHCA_MAX_SGE ? -EINVAL : 0;
		if (err) {
			kfree(r);
			*bad = wr;
			break;
		}
		r->wr_id = wr->wr_id;	/* a union with wr_cqe */
		r->nsge = wr->num_sge;
		memcpy(r->sge, wr->sg_list, wr->num_sge * sizeof(r->sge[0]));
		list_add_tail(&r->link, &qp->rq);
		if (qp->state == IB_QPS_ERR)
			flush_rq(qp, true);
	}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return err;
}

/* A process has written work requests to its ring; it must not pass others. */
static int ring_doorbell(struct vhca_qp *qp, const struct ib_send_wr *wr,
			 const struct ib_send_wr **bad)
{
	unsigned long flags;

	if (wr) {
		*bad = wr;
		return -EINVAL;
	}
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	vhca_user_run(qp->user);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return 0;
}

static int vhca_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad)
{
	struct vhca_dev *d = to_vdev(ibqp->device);
	struct vhca_qp *qp = to_vqp(ibqp);
	unsigned long flags;
	u8 *buf;
	int err = 0, i;

	if (qp->user)
		return ring_doorbell(qp, wr, bad);
	buf = kmalloc(VHCA_MAX_PKT, GFP_ATOMIC);
	if (!buf) {
		*bad = wr;
		return -ENOMEM;
	}
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	for (; wr; wr = wr->next) {
		struct ib_wc wc = { .status = IB_WC_SUCCESS, .qp = ibqp,
				    .opcode = IB_WC_SEND };
		const struct ib_ud_wr *ud = ud_wr(wr);
		u32 len = 0;

		wc.wr_id = wr->wr_id;
		if (qp->state == IB_QPS_ERR) {
			wc.status = IB_WC_WR_FLUSH_ERR;
			vhca_complete(ibqp->send_cq, &wc, false);
			continue;
		}
		if (qp->state != IB_QPS_RTS) {
			err = -EINVAL;
			*bad = wr;
			break;
		}
		for (i = 0; i < wr->num_sge; i++) {
			if (len + wr->sg_list[i].length > VHCA_MAX_PKT) {
				wc.status = IB_WC_LOC_LEN_ERR;
				break;
			}
			memcpy(buf + len,
			       (void *)(uintptr_t)wr->sg_list[i].addr,
			       wr->sg_list[i].length);
			len += wr->sg_list[i].length;
		}
		if (wc.status == IB_WC_SUCCESS && ibqp->qp_type != IB_QPT_RC &&
		    ud->ah && !list_empty(&qp->link)) {
			const struct vhca_packet p = {
				.data = buf,
				.len = len,
				.qkey = ud->remote_qkey & BIT(31) ?
					qp->qkey : ud->remote_qkey,
			};

			vhca_send(d, qp, &to_vah(ud->ah)->attr,
				  ud->remote_qpn, &p);
		}
		if (qp->sig_all || (wr->send_flags & IB_SEND_SIGNALED) ||
		    wc.status)
			vhca_complete(ibqp->send_cq, &wc, false);
	}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	kfree(buf);
	return err;
}

static int vhca_attach_mcast(struct ib_qp *ibqp, union ib_gid *gid, u16 lid)
{
	struct vhca_mc *mc = kzalloc(sizeof(*mc), GFP_KERNEL);
	unsigned long flags;

	if (!mc)
		return -ENOMEM;
	mc->gid = *gid;
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	list_add_tail(&mc->link, &to_vqp(ibqp)->mcs);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return 0;
}

static int vhca_detach_mcast(struct ib_qp *ibqp, union ib_gid *gid, u16 lid)
{
	struct vhca_mc *mc, *n;
	unsigned long flags;
	int ret = -EINVAL;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	list_for_each_entry_safe(mc, n, &to_vqp(ibqp)->mcs, link)
		if (!memcmp(&mc->gid, gid, sizeof(*gid))) {
			list_del(&mc->link);
			kfree(mc);
			ret = 0;
			break;
		}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return ret;
}

const struct ib_device_ops vhca_qp_ops = {
	.attach_mcast = vhca_attach_mcast,
	.create_qp = vhca_create_qp,
	.destroy_qp = vhca_destroy_qp,
	.detach_mcast = vhca_detach_mcast,
	.modify_qp = vhca_modify_qp,
	.post_recv = vhca_post_recv,
	.post_send = vhca_post_send,
	.query_qp = vhca_query_qp,

	INIT_RDMA_OBJ_SIZE(ib_qp, vhca_qp, ibqp),
};
