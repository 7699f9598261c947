// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between connected queue pairs of user space (RC and UC): SEND, RDMA
 * WRITE and READ, and atomic operations. Both sides are in this kernel, so a
 * message is copied from one process to the other; it cannot be lost, unless
 * the other side is not there.
 */
#include "fabric.h"
#include "memory.h"
#include "user.h"

#define VHCA_SLICE	(32 << 10)	/* bytes that are copied with one lock */

/* Both sides of a message. */
struct sides {
	struct vhca_user *u, *peer;
	struct vhca_space here, there;
	struct vhca_memory *remote;
};

static bool is_rc(const struct vhca_user *u)
{
	return u->qp->ibqp.qp_type == IB_QPT_RC;
}

/* Reports whether a work request consumes a receive of the other side. */
static bool needs_receive(u32 opcode)
{
	return opcode == IB_WR_SEND || opcode == IB_WR_SEND_WITH_IMM ||
	       opcode == IB_WR_RDMA_WRITE_WITH_IMM;
}

static bool is_send(u32 opcode)
{
	return opcode == IB_WR_SEND || opcode == IB_WR_SEND_WITH_IMM;
}

static bool is_atomic(u32 opcode)
{
	return opcode == IB_WR_ATOMIC_CMP_AND_SWP ||
	       opcode == IB_WR_ATOMIC_FETCH_AND_ADD;
}

/* Returns the access that a work request needs on the other side. */
static int remote_access(u32 opcode)
{
	if (is_atomic(opcode))
		return IB_ACCESS_REMOTE_ATOMIC;
	return opcode == IB_WR_RDMA_READ ? IB_ACCESS_REMOTE_READ :
					   IB_ACCESS_REMOTE_WRITE;
}

/* Returns the queue pair that answers, or NULL. */
static struct vhca_user *find_peer(struct vhca_user *u)
{
	struct vhca_dev *src = to_vdev(u->qp->ibqp.device), *d;
	struct vhca_qp *qp;

	d = vhca_port_by_lid(rdma_ah_get_dlid(&u->attr.ah_attr));
	if (!d || d->gone || src->gone || !vhca_link_up(src) || !vhca_link_up(d))
		return NULL;
	qp = vhca_qp_by_num(d, u->attr.dest_qp_num);
	if (!qp || !qp->user || qp->ibqp.qp_type != u->qp->ibqp.qp_type ||
	    (qp->state != IB_QPS_RTR && qp->state != IB_QPS_RTS) ||
	    qp->user->attr.dest_qp_num != u->qp->ibqp.qp_num ||
	    !vhca_pkeys_match(vhca_pkey(src, u->attr.pkey_index),
			      vhca_pkey(d, qp->user->attr.pkey_index)))
		return NULL;
	return qp->user;
}

/* Tries again later, as without an acknowledgment. */
static long retry(struct vhca_user *u)
{
	u64 us = (4096ULL << (u->attr.timeout & 31)) / 1000;

	if (!is_rc(u)) {
		vhca_user_sent(u, IB_WC_SUCCESS);
		return 0;
	}
	/* A timeout of 0 means no limit. */
	if (u->attr.timeout && u->retries++ >= u->attr.retry_cnt) {
		vhca_user_sent(u, IB_WC_RETRY_EXC_ERR);
		return 0;
	}
	u->not_before = jiffies + max(1UL, u->attr.timeout ?
				      usecs_to_jiffies(min_t(u64, us, UINT_MAX)) :
				      msecs_to_jiffies(100));
	return u->not_before - jiffies;
}

/* Returns the time of an RNR timer code in µs (InfiniBand volume 1, 9.7.5.2.8). */
static u32 rnr_time(u8 code)
{
	code &= 31;
	if (!code)
		return 655360;
	return (code & 1 ? 15 : 10) << (code / 2);
}

/* Tries again when the receiver may be ready. */
static long retry_receive(struct vhca_user *u, const struct vhca_user *peer)
{
	if (!is_rc(u)) {
		vhca_user_sent(u, IB_WC_SUCCESS);
		return 0;
	}
	if (u->attr.rnr_retry != 7 && u->rnr_retries++ >= u->attr.rnr_retry) {
		vhca_user_sent(u, IB_WC_RNR_RETRY_EXC_ERR);
		return 0;
	}
	u->not_before = jiffies + usecs_to_jiffies(rnr_time(peer->attr.min_rnr_timer));
	return max(1L, (long)(u->not_before - jiffies));
}

/*
 * Ends a message that the other side refuses. A datagram-like UC message is
 * lost; an RC connection is broken.
 */
static void refuse(struct sides *m, enum ib_wc_status there,
		   enum ib_wc_status here)
{
	if (there) {
		struct ib_wc wc = { .status = there, .opcode = IB_WC_RECV };

		vhca_user_received(m->peer, &wc, false);
		vhca_user_fail(m->peer);
	} else if (is_rc(m->u)) {
		vhca_user_fail(m->peer);
		vhca_user_event(m->peer, here == IB_WC_REM_ACCESS_ERR ?
				IB_EVENT_QP_ACCESS_ERR : IB_EVENT_QP_REQ_ERR);
	}
	vhca_user_sent(m->u, is_rc(m->u) ? here : IB_WC_SUCCESS);
}

/* Checks a message before anything is copied. Returns false if it has ended. */
static bool begin(struct sides *m)
{
	struct vhca_user *u = m->u;
	u32 opcode = u->wr.opcode;

	if (opcode > IB_WR_ATOMIC_FETCH_AND_ADD ||
	    (!is_rc(u) && (opcode == IB_WR_RDMA_READ || is_atomic(opcode))) ||
	    (u->local.inlined && m->here.access)) {
		vhca_user_sent(u, IB_WC_LOC_QP_OP_ERR);
		return false;
	}
	if (is_atomic(opcode) && u->local.length != sizeof(u64)) {
		vhca_user_sent(u, IB_WC_LOC_LEN_ERR);
		return false;
	}
	if (!vhca_memory_ok(&m->here, &u->local)) {
		vhca_user_sent(u, IB_WC_LOC_PROT_ERR);
		return false;
	}
	if (is_send(opcode)) {
		if (u->local.length > m->remote->length) {
			refuse(m, IB_WC_LOC_LEN_ERR, IB_WC_REM_INV_REQ_ERR);
			return false;
		}
		if (!vhca_memory_ok(&m->there, m->remote)) {
			refuse(m, IB_WC_LOC_PROT_ERR, IB_WC_REM_OP_ERR);
			return false;
		}
	} else {
		u64 addr = is_atomic(opcode) ? u->wr.wr.atomic.remote_addr :
					       u->wr.wr.rdma.remote_addr;

		m->remote->nsge = 1;
		m->remote->length = u->local.length;
		m->remote->sge[0] = (struct rxe_sge){
			.addr = addr,
			.length = u->local.length,
			.lkey = is_atomic(opcode) ? u->wr.wr.atomic.rkey :
						    u->wr.wr.rdma.rkey,
		};
		if (is_atomic(opcode) && addr % sizeof(u64)) {
			refuse(m, 0, IB_WC_REM_INV_REQ_ERR);
			return false;
		}
		if (u->local.length &&
		    (!(m->peer->attr.qp_access_flags & m->there.access) ||
		     !vhca_memory_ok(&m->there, m->remote))) {
			refuse(m, 0, IB_WC_REM_ACCESS_ERR);
			return false;
		}
	}
	u->begun = true;
	return true;
}

/* The lock of the fabric makes it atomic for all queue pairs. */
static bool execute_atomic(struct sides *m)
{
	struct vhca_user *u = m->u;
	u32 len = sizeof(u64);
	u64 *word = vhca_memory_at(&m->there, m->remote, 0, &len), old;

	/* Aligned for the process, but not in memory? */
	if (!word || len < sizeof(u64))
		return false;
	old = *word;
	if (u->wr.opcode == IB_WR_ATOMIC_FETCH_AND_ADD)
		*word = old + u->wr.wr.atomic.compare_add;
	else if (old == u->wr.wr.atomic.compare_add)
		*word = u->wr.wr.atomic.swap;
	return vhca_memory_write(&m->here, &u->local, 0, &old, sizeof(old));
}

/* Copies the next part of the data. Fails if a memory region was deregistered after the transfer began. */
static bool copy_slice(struct sides *m)
{
	struct vhca_user *u = m->u;
	u32 end = min(u->local.length, u->done + VHCA_SLICE);
	bool read = u->wr.opcode == IB_WR_RDMA_READ;

	while (u->done < end) {
		u32 n = end - u->done, left;
		void *here = vhca_memory_at(&m->here, &u->local, u->done, &n);
		void *there = vhca_memory_at(&m->there, m->remote, u->done, &n);

		if (!here || !there)
			return false;
		left = n;
		memcpy(read ? here : there, read ? there : here, left);
		u->done += left;
	}
	return true;
}

static void end(struct sides *m)
{
	struct vhca_user *u = m->u;
	struct vhca_dev *src = to_vdev(u->qp->ibqp.device);
	struct vhca_dev *dst = to_vdev(m->peer->qp->ibqp.device);
	struct ib_wc wc = {
		.opcode = is_send(u->wr.opcode) ? IB_WC_RECV :
						  IB_WC_RECV_RDMA_WITH_IMM,
		.byte_len = u->local.length,
		.src_qp = u->qp->ibqp.qp_num,
		.slid = src->lid,
	};

	vhca_count_tx(src, u->local.length);
	vhca_count_rx(dst, u->local.length);
	if (needs_receive(u->wr.opcode)) {
		if (u->wr.opcode != IB_WR_SEND) {
			wc.wc_flags = IB_WC_WITH_IMM;
			wc.ex.imm_data = u->wr.ex.imm_data;
		}
		vhca_user_received(m->peer, &wc,
				   u->wr.send_flags & IB_SEND_SOLICITED);
	}
	vhca_user_sent(u, IB_WC_SUCCESS);
}

/* Sends a piece of a message; the result is that of step() in send.c. */
long vhca_user_message(struct vhca_user *u)
{
	u32 opcode = u->wr.opcode;
	struct sides m = { .u = u, .peer = find_peer(u) };
	bool ok;

	if (!m.peer)
		return retry(u);
	m.here.dev = to_vdev(u->qp->ibqp.device);
	m.here.pd = u->qp->ibqp.pd;
	m.here.access = opcode == IB_WR_RDMA_READ || is_atomic(opcode) ?
			IB_ACCESS_LOCAL_WRITE : 0;
	m.there.dev = to_vdev(m.peer->qp->ibqp.device);
	m.there.pd = m.peer->qp->ibqp.pd;
	m.there.access = is_send(opcode) ? IB_ACCESS_LOCAL_WRITE :
					   remote_access(opcode);
	m.remote = is_send(opcode) ? &m.peer->in : &u->remote;
	if (needs_receive(opcode)) {
		/* The other side was reset in the middle of the message. */
		if (u->begun && !m.peer->receiving) {
			vhca_user_sent(u, IB_WC_RETRY_EXC_ERR);
			return 0;
		}
		if (!vhca_user_take(m.peer))
			return retry_receive(u, m.peer);
	}
	if (!u->begun && !begin(&m))
		return 0;
	ok = is_atomic(opcode) ? execute_atomic(&m) : copy_slice(&m);
	if (!ok) {
		if (is_send(opcode))
			refuse(&m, IB_WC_LOC_PROT_ERR, IB_WC_REM_OP_ERR);
		else
			refuse(&m, 0, IB_WC_REM_ACCESS_ERR);
		return 0;
	}
	if (is_atomic(opcode) || u->done == u->local.length)
		end(&m);
	return 0;
}
