// SPDX-License-Identifier: GPL-2.0
/*
 * Executes the work requests in the send queues of user space. A step is short
 * and complete, because the lock of the fabric is held: it may be repeated by
 * the process that posts or by a work item, whichever is first.
 */
#include "memory.h"
#include "queue.h"
#include "user.h"

#define VHCA_STEPS	64		/* at once in a system call */
#define VHCA_FLUSH	(2 * VHCA_MAX_WR)	/* all that a ring can contain */

/* Takes the next work request of the send queue. Returns false if it is empty. */
static bool take_send(struct vhca_user *u)
{
	const struct rxe_send_wqe *e;
	enum ib_wc_status status;

	if (u->sending)
		return true;
	e = vhca_queue_next(u->sq);
	if (!e)
		return false;
	u->sending = true;
	u->begun = false;
	u->done = u->retries = u->rnr_retries = 0;
	u->not_before = jiffies;
	memcpy(&u->wr, &e->wr, sizeof(u->wr));
	status = vhca_load(&u->local, &e->dma, u->wr.send_flags & IB_SEND_INLINE);
	if (status && u->qp->state == IB_QPS_RTS)
		vhca_user_sent(u, status);
	return true;
}

/*
 * Executes a piece of the send queue. Returns the number of jiffies until the
 * next piece, or VHCA_IDLE.
 */
static long step(struct vhca_user *u)
{
	struct vhca_qp *qp = u->qp;

	if (qp->state != IB_QPS_RTS && qp->state != IB_QPS_ERR)
		return VHCA_IDLE;
	if (!take_send(u))
		return VHCA_IDLE;
	if (!u->sending)
		return 0;
	if (qp->state == IB_QPS_ERR) {
		vhca_user_sent(u, IB_WC_WR_FLUSH_ERR);
		return 0;
	}
	if (time_before(jiffies, u->not_before))
		return u->not_before - jiffies;
	if (qp->ibqp.qp_type != IB_QPT_UD)
		return vhca_user_message(u);
	vhca_user_datagram(u);
	return 0;
}

static long steps(struct vhca_user *u, int max)
{
	long wait = 0;

	while (!wait && max--)
		wait = step(u);
	return wait;
}

/* Executes the send queue, and leaves what takes long to a work item. */
void vhca_user_run(struct vhca_user *u)
{
	long wait = steps(u, u->qp->state == IB_QPS_ERR ? VHCA_FLUSH : VHCA_STEPS);

	if (wait != VHCA_IDLE)
		mod_delayed_work(system_unbound_wq, &u->work, wait);
}

void vhca_user_work(struct work_struct *w)
{
	struct vhca_user *u = container_of(w, struct vhca_user, work.work);
	unsigned long flags;
	long wait = 0;
	int i;

	/* A process that posts without end must not keep the work from ending. */
	for (i = 0; i < VHCA_FLUSH && !wait; i++) {
		spin_lock_irqsave(&vhca_fabric_lock, flags);
		wait = steps(u, 1);
		spin_unlock_irqrestore(&vhca_fabric_lock, flags);
		cond_resched();
	}
	if (wait != VHCA_IDLE)
		queue_delayed_work(system_unbound_wq, &u->work, wait);
}
