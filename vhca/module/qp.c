// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs of queue pairs, which are software queues: those of the kernel
 * (kernel.c) and of user space (user.c).
 */
#include <linux/slab.h>

#include "fabric.h"
#include "hca.h"
#include "user.h"
#include "verbs.h"

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
	INIT_LIST_HEAD(&qp->mcs);
	qp->state = IB_QPS_RESET;
	qp->sig_all = init->sq_sig_type == IB_SIGNAL_ALL_WR;
	init->cap.max_inline_data = 0;
	if (udata) {
		err = vhca_user_create(qp, init, udata);
		if (err)
			return err;
	} else {
		vhca_kernel_create(qp);
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

static int vhca_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr,
			  int mask, struct ib_udata *udata)
{
	struct vhca_qp *qp = to_vqp(ibqp);

	if (qp->user)
		return vhca_user_modify(qp->user, attr, mask);
	vhca_kernel_modify(qp, attr, mask);
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
	if (!qp->user)
		vhca_kernel_flush(qp, false);
	list_for_each_entry_safe(mc, n, &qp->mcs, link)
		kfree(mc);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	if (qp->user)
		vhca_user_destroy(qp->user);
	return 0;
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

static int vhca_post_recv(struct ib_qp *ibqp, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad)
{
	struct vhca_qp *qp = to_vqp(ibqp);

	if (qp->user) {
		*bad = wr;
		return -EINVAL;
	}
	return vhca_kernel_post_recv(qp, wr, bad);
}

static int vhca_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad)
{
	struct vhca_qp *qp = to_vqp(ibqp);

	return qp->user ? ring_doorbell(qp, wr, bad) :
			  vhca_kernel_post_send(qp, wr, bad);
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
