// SPDX-License-Identifier: GPL-2.0
/* Takes the work requests of user space from their rings, and completes them. */
#include "fabric.h"
#include "memory.h"
#include "queue.h"
#include "user.h"

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

/*
 * Puts a queue pair into the error state, which flushes its queues. The send
 * queue is flushed later (vhca_user_run, or by the work item), because its first
 * work request may be in progress: a queue pair can send to itself.
 */
void vhca_user_fail(struct vhca_user *u)
{
	if (u->qp->state == IB_QPS_RESET || u->qp->state == IB_QPS_ERR)
		return;
	u->qp->state = IB_QPS_ERR;
	flush_recv(u);
	mod_delayed_work(system_unbound_wq, &u->work, 0);
}

/* Completes the work request of the send queue that is being executed. */
void vhca_user_sent(struct vhca_user *u, enum ib_wc_status status)
{
	static const enum ib_wc_opcode opcodes[] = {
		[IB_WR_RDMA_WRITE] = IB_WC_RDMA_WRITE,
		[IB_WR_RDMA_WRITE_WITH_IMM] = IB_WC_RDMA_WRITE,
		[IB_WR_SEND] = IB_WC_SEND,
		[IB_WR_SEND_WITH_IMM] = IB_WC_SEND,
		[IB_WR_RDMA_READ] = IB_WC_RDMA_READ,
		[IB_WR_ATOMIC_CMP_AND_SWP] = IB_WC_COMP_SWAP,
		[IB_WR_ATOMIC_FETCH_AND_ADD] = IB_WC_FETCH_ADD,
	};
	struct ib_wc wc = {
		.status = status,
		.qp = &u->qp->ibqp,
		.port_num = 1,
		.byte_len = u->local.length,
	};

	u->sending = false;
	wc.wr_id = u->wr.wr_id;
	if (u->wr.opcode < ARRAY_SIZE(opcodes))
		wc.opcode = opcodes[u->wr.opcode];
	/* The ring first: who sees the completion may post again. */
	vhca_queue_advance(u->sq);
	if (status || u->qp->sig_all || u->wr.send_flags & IB_SEND_SIGNALED)
		vhca_complete(u->qp->ibqp.send_cq, &wc, false);
	if (status)
		vhca_user_fail(u);
}
