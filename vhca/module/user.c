// SPDX-License-Identifier: GPL-2.0
/* Queue pairs of user space: their rings, attributes and errors. */
#include <linux/slab.h>
#include <rdma/uverbs_ioctl.h>

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

/* Copies the memory of a work request out of its ring. */
enum ib_wc_status vhca_load(struct vhca_memory *m, const struct rxe_dma_info *dma,
			    bool inlined)
{
	u64 length = 0;
	u32 i;

	m->inlined = inlined;
	m->length = 0;
	if (inlined) {
		u32 size = READ_ONCE(dma->length);

		if (size > VHCA_MAX_INLINE)
			return IB_WC_LOC_LEN_ERR;
		m->length = size;
		memcpy(m->data, dma->inline_data, size);
		return IB_WC_SUCCESS;
	}
	m->nsge = READ_ONCE(dma->num_sge);
	if (m->nsge > VHCA_MAX_SGE) {
		m->nsge = 0;
		return IB_WC_LOC_QP_OP_ERR;
	}
	memcpy(m->sge, dma->sge, m->nsge * sizeof(m->sge[0]));
	for (i = 0; i < m->nsge; i++)
		length += m->sge[i].length;
	if (length > VHCA_MAX_MSG)
		return IB_WC_LOC_LEN_ERR;
	m->length = length;
	return IB_WC_SUCCESS;
}

static const struct rxe_recv_wqe *next_recv(struct vhca_user *u)
{
	return u->srq ? vhca_srq_next(u->srq) : vhca_queue_next(u->rq);
}

/*
 * Takes the next work request of the receive queue, unless one is being filled.
 * Returns false if the queue is empty.
 */
bool vhca_user_take(struct vhca_user *u)
{
	const struct rxe_recv_wqe *e;

	if (u->receiving)
		return true;
	e = next_recv(u);
	if (!e)
		return false;
	u->receiving = true;
	u->recv_id = READ_ONCE(e->wr_id);
	/* A work request that makes no sense has no room. */
	if (vhca_load(&u->in, &e->dma, false))
		u->in.nsge = 0;
	if (u->srq)
		vhca_srq_advance(u->srq);
	else
		vhca_queue_advance(u->rq);
	return true;
}

/* Completes the work request that is being filled. */
void vhca_user_received(struct vhca_user *u, struct ib_wc *wc, bool solicited)
{
	wc->wr_id = u->recv_id;
	wc->qp = &u->qp->ibqp;
	wc->port_num = 1;
	u->receiving = false;
	vhca_complete(u->qp->ibqp.recv_cq, wc, solicited);
}

void vhca_user_event(struct vhca_user *u, enum ib_event_type type)
{
	struct ib_qp *ibqp = &u->qp->ibqp;
	struct ib_event ev = {
		.device = ibqp->device,
		.event = type,
		.element.qp = ibqp,
	};

	if (ibqp->event_handler)
		ibqp->event_handler(&ev, ibqp->qp_context);
}

static void flush_recv(struct vhca_user *u)
{
	u32 left = u->rq ? u->rq->mask + 1 : 1;

	while (left-- && (u->receiving || (u->rq && vhca_user_take(u)))) {
		struct ib_wc wc = {
			.status = IB_WC_WR_FLUSH_ERR,
			.opcode = IB_WC_RECV,
		};

		vhca_user_received(u, &wc, false);
	}
	if (u->srq)
		vhca_user_event(u, IB_EVENT_QP_LAST_WQE_REACHED);
}

/* Puts a queue pair into the error state, which flushes its queues. */
void vhca_user_fail(struct vhca_user *u)
{
	if (u->qp->state == IB_QPS_RESET || u->qp->state == IB_QPS_ERR)
		return;
	u->qp->state = IB_QPS_ERR;
	flush_recv(u);
	vhca_user_run(u);
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
	if (to == IB_QPS_ERR) {
		vhca_user_fail(u);
	} else if (to == IB_QPS_RESET) {
		reset(u);
	}
	qp->state = to;
	vhca_user_run(u);
out:
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return err;
}

/* A full member of a partition can talk to all members. */
bool vhca_pkeys_match(u16 a, u16 b)
{
	return (a & 0x7fff) && !((a ^ b) & 0x7fff) && ((a | b) & 0x8000);
}

/* Receives a datagram; the first 40 bytes of the buffer are for its route. */
void vhca_user_receive(struct vhca_user *u, u16 slid, u32 src_qpn,
		       const struct ib_grh *grh, const struct vhca_packet *p)
{
	struct vhca_dev *d = to_vdev(u->qp->ibqp.device);
	const struct vhca_space s = { d, u->qp->ibqp.pd, IB_ACCESS_LOCAL_WRITE };
	struct ib_wc wc = {
		.opcode = IB_WC_RECV,
		.byte_len = p->len + sizeof(*grh),
		.src_qp = src_qpn,
		.slid = slid,
	};

	if (p->from_user &&
	    !vhca_pkeys_match(p->pkey, vhca_pkey(d, u->attr.pkey_index)))
		return;
	if (!vhca_user_take(u))
		return;
	if (u->in.length < wc.byte_len)
		wc.status = IB_WC_LOC_LEN_ERR;
	else if (!vhca_memory_ok(&s, &u->in) ||
		 (grh && !vhca_memory_write(&s, &u->in, 0, grh, sizeof(*grh))) ||
		 !vhca_memory_write(&s, &u->in, sizeof(*grh), p->data, p->len))
		wc.status = IB_WC_LOC_PROT_ERR;
	if (grh)
		wc.wc_flags |= IB_WC_GRH;
	if (p->has_imm) {
		wc.wc_flags |= IB_WC_WITH_IMM;
		wc.ex.imm_data = p->imm;
	}
	vhca_count_rx(d, p->len);
	vhca_user_received(u, &wc, p->solicited);
	if (wc.status)
		vhca_user_fail(u);
}
