// SPDX-License-Identifier: GPL-2.0
/* Queue pairs of user space: their rings, attributes and states. */
#include <linux/module.h>
#include <linux/slab.h>
#include <rdma/uverbs_ioctl.h>

#include "fabric.h"
#include "memory.h"
#include "queue.h"
#include "user.h"

static bool valid_caps(const struct ib_qp_init_attr *init)
{
	const struct ib_qp_cap *c = &init->cap;

	return c->max_send_wr && c->max_send_wr <= VHCA_MAX_WR &&
	       c->max_recv_wr <= VHCA_MAX_WR &&
	       c->max_send_sge <= VHCA_MAX_SGE &&
	       c->max_recv_sge <= VHCA_MAX_SGE &&
	       c->max_inline_data <= VHCA_MAX_INLINE;
}

int vhca_user_create(struct vhca_qp *qp, struct ib_qp_init_attr *init,
		     struct ib_udata *udata)
{
	const u32 room = sizeof_field(struct vhca_memory, sge);
	struct rxe_create_qp_resp resp = {};
	struct vhca_user *u;
	int err;

	if (init->qp_type != IB_QPT_RC && init->qp_type != IB_QPT_UC &&
	    init->qp_type != IB_QPT_UD)
		return -EOPNOTSUPP;
	if (READ_ONCE(to_vdev(qp->ibqp.device)->gone))
		return -EIO;
	if (!valid_caps(init))
		return -EINVAL;
	u = kzalloc(sizeof(*u), GFP_KERNEL);
	if (!u)
		return -ENOMEM;
	u->qp = qp;
	qp->receive = vhca_user_receive;
	INIT_DELAYED_WORK(&u->work, vhca_user_work);
	u->sq = vhca_queue_create(udata, init->cap.max_send_wr,
				  sizeof(struct rxe_send_wqe) + room,
				  &resp.sq_mi);
	err = PTR_ERR_OR_ZERO(u->sq);
	if (err)
		goto free;
	init->cap.max_send_wr = u->sq->mask;
	init->cap.max_inline_data = VHCA_MAX_INLINE;
	if (init->srq) {
		u->srq = container_of(init->srq, struct vhca_srq, ibsrq);
	} else {
		u->rq = vhca_queue_create(udata, init->cap.max_recv_wr,
					  sizeof(struct rxe_recv_wqe) + room,
					  &resp.rq_mi);
		err = PTR_ERR_OR_ZERO(u->rq);
		if (err)
			goto free;
		init->cap.max_recv_wr = u->rq->mask;
	}
	err = vhca_respond(udata, &resp, sizeof(resp));
	if (err)
		goto free;
	qp->user = u;
	return 0;
free:
	vhca_queue_destroy(u->rq);
	vhca_queue_destroy(u->sq);
	kfree(u);
	return err;
}

/* Of a queue pair that can no longer be found. */
void vhca_user_destroy(struct vhca_user *u)
{
	cancel_delayed_work_sync(&u->work);
	vhca_queue_destroy(u->rq);
	vhca_queue_destroy(u->sq);
	kfree(u);
}

static void reset(struct vhca_user *u)
{
	u->sending = u->receiving = false;
	vhca_queue_clear(u->sq);
	if (u->rq)
		vhca_queue_clear(u->rq);
}

static void copy_attr(struct ib_qp_attr *to, const struct ib_qp_attr *from,
		      int mask)
{
#define VHCA_COPY(bit, field) \
	do { if (mask & (bit)) to->field = from->field; } while (0)
	VHCA_COPY(IB_QP_ACCESS_FLAGS, qp_access_flags);
	VHCA_COPY(IB_QP_PKEY_INDEX, pkey_index);
	VHCA_COPY(IB_QP_AV, ah_attr);
	VHCA_COPY(IB_QP_PATH_MTU, path_mtu);
	VHCA_COPY(IB_QP_TIMEOUT, timeout);
	VHCA_COPY(IB_QP_RETRY_CNT, retry_cnt);
	VHCA_COPY(IB_QP_RNR_RETRY, rnr_retry);
	VHCA_COPY(IB_QP_RQ_PSN, rq_psn);
	VHCA_COPY(IB_QP_SQ_PSN, sq_psn);
	VHCA_COPY(IB_QP_MAX_QP_RD_ATOMIC, max_rd_atomic);
	VHCA_COPY(IB_QP_MAX_DEST_RD_ATOMIC, max_dest_rd_atomic);
	VHCA_COPY(IB_QP_MIN_RNR_TIMER, min_rnr_timer);
	VHCA_COPY(IB_QP_DEST_QPN, dest_qp_num);
#undef VHCA_COPY
	/* The core holds it only during the call. */
	to->ah_attr.grh.sgid_attr = NULL;
}

int vhca_user_modify(struct vhca_user *u, struct ib_qp_attr *attr, int mask)
{
	struct vhca_qp *qp = u->qp;
	enum ib_qp_state to;
	unsigned long flags;
	int err = -EINVAL;

	if (mask & IB_QP_ALT_PATH)
		return -EOPNOTSUPP;
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	to = mask & IB_QP_STATE ? attr->qp_state : qp->state;
	if (mask & IB_QP_CUR_STATE && attr->cur_qp_state != qp->state)
		goto out;
	if (!ib_modify_qp_is_ok(qp->state, to, qp->ibqp.qp_type, mask))
		goto out;
	if (mask & IB_QP_PKEY_INDEX && attr->pkey_index >= VHCA_PKEYS)
		goto out;
	err = 0;
	copy_attr(&u->attr, attr, mask);
	if (mask & IB_QP_QKEY)
		qp->qkey = attr->qkey;
	if (to == IB_QPS_ERR)
		vhca_user_fail(u);
	else if (to == IB_QPS_RESET)
		reset(u);
	qp->state = to;
	vhca_user_run(u);
out:
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return err;
}

/*
 * Before processes lose a device, because its driver is unbound or it moves to
 * another net namespace, their queue pairs fail: uverbs only destroys them, and
 * a process that polls would not end. The kernel calls clients in the
 * reverse order of registration, so this one before uverbs.
 */
static int vhca_client_add(struct ib_device *ibdev)
{
	if (ibdev->ops.owner != THIS_MODULE)
		return -EOPNOTSUPP;
	WRITE_ONCE(to_vdev(ibdev)->gone, false);
	return 0;
}

static void vhca_client_remove(struct ib_device *ibdev, void *data)
{
	struct vhca_dev *d = to_vdev(ibdev);
	struct vhca_qp *qp;
	unsigned long flags;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	d->gone = true;
	list_for_each_entry(qp, &d->qps, link)
		if (qp->user) {
			vhca_user_fail(qp->user);
			vhca_user_run(qp->user);
		}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
}

struct ib_client vhca_client = {
	.name = "vhca",
	.add = vhca_client_add,
	.remove = vhca_client_remove,
};
