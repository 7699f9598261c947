// SPDX-License-Identifier: GPL-2.0
/*
 * Completion queues. Handlers run in a work item, as if from an interrupt. A
 * completion for user space goes to the ring that it has mapped, and one for
 * the kernel to a list.
 */
#include <linux/slab.h>
#include <rdma/uverbs_ioctl.h>

#include "fabric.h"
#include "queue.h"

/* A completion for the kernel. */
struct vhca_wce {
	struct list_head link;
	struct ib_wc wc;
};

static void cq_work(struct work_struct *w)
{
	struct vhca_cq *cq = container_of(w, struct vhca_cq, work);

	/* A process can request events without a channel to get them from. */
	if (!cq->ibcq.comp_handler)
		return;
	local_bh_disable();
	cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);
	local_bh_enable();
}

static void add_to_ring(struct vhca_cq *cq, const struct ib_wc *wc)
{
	struct ib_event ev = {
		.device = cq->ibcq.device,
		.event = IB_EVENT_CQ_ERR,
		.element.cq = &cq->ibcq,
	};
	struct ib_uverbs_wc e = {
		.wr_id = wc->wr_id,
		.status = wc->status,
		.opcode = wc->opcode,
		.byte_len = wc->byte_len,
		.ex.imm_data = wc->ex.imm_data,
		.qp_num = wc->qp->qp_num,
		.src_qp = wc->src_qp,
		.wc_flags = wc->wc_flags,
		.slid = wc->slid,
		.sl = wc->sl,
		.port_num = wc->port_num,
	};

	if (vhca_queue_push(cq->ring, &e, sizeof(e)) || cq->overrun)
		return;
	cq->overrun = true;
	if (cq->ibcq.event_handler)
		cq->ibcq.event_handler(&ev, cq->ibcq.cq_context);
}

static void add_to_list(struct vhca_cq *cq, const struct ib_wc *wc)
{
	struct vhca_wce *e = kmalloc(sizeof(*e), GFP_ATOMIC);

	if (WARN_ON_ONCE(!e))
		return;
	e->wc = *wc;
	list_add_tail(&e->link, &cq->wcs);
}

void vhca_complete(struct ib_cq *ibcq, const struct ib_wc *wc, bool solicited)
{
	struct vhca_cq *cq = to_vcq(ibcq);

	lockdep_assert_held(&vhca_fabric_lock);
	if (cq->ring)
		add_to_ring(cq, wc);
	else
		add_to_list(cq, wc);
	if (cq->armed == IB_CQ_NEXT_COMP ||
	    (cq->armed == IB_CQ_SOLICITED && (solicited || wc->status))) {
		cq->armed = 0;
		queue_work(system_unbound_wq, &cq->work);
	}
}

static int vhca_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *a,
			  struct uverbs_attr_bundle *attrs)
{
	struct vhca_cq *cq = to_vcq(ibcq);
	struct rxe_create_cq_resp resp = {};
	int err;

	INIT_LIST_HEAD(&cq->wcs);
	INIT_WORK(&cq->work, cq_work);
	ibcq->cqe = a->cqe;
	if (!attrs)
		return 0;
	if (a->flags)
		return -EOPNOTSUPP;
	if (!a->cqe || a->cqe > VHCA_MAX_CQE)
		return -EINVAL;
	cq->ring = vhca_queue_create(&attrs->driver_udata, a->cqe,
				     sizeof(struct ib_uverbs_wc), &resp.mi);
	if (IS_ERR(cq->ring))
		return PTR_ERR(cq->ring);
	ibcq->cqe = cq->ring->mask;
	err = vhca_respond(&attrs->driver_udata, &resp, sizeof(resp));
	if (err)
		vhca_queue_destroy(cq->ring);
	return err;
}

static int vhca_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata)
{
	struct vhca_cq *cq = to_vcq(ibcq);
	struct vhca_wce *e, *n;
	unsigned long flags;
	LIST_HEAD(old);

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	cq->armed = 0;
	list_splice_init(&cq->wcs, &old);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	cancel_work_sync(&cq->work);
	list_for_each_entry_safe(e, n, &old, link)
		kfree(e);
	vhca_queue_destroy(cq->ring);
	return 0;
}

static int vhca_poll_cq(struct ib_cq *ibcq, int num, struct ib_wc *wc)
{
	struct vhca_cq *cq = to_vcq(ibcq);
	struct vhca_wce *e;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	for (i = 0; i < num; i++) {
		e = list_first_entry_or_null(&cq->wcs, struct vhca_wce, link);
		if (!e)
			break;
		list_del(&e->link);
		wc[i] = e->wc;
		kfree(e);
	}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return i;
}

static int vhca_req_notify_cq(struct ib_cq *ibcq, enum ib_cq_notify_flags fl)
{
	struct vhca_cq *cq = to_vcq(ibcq);
	unsigned long flags;
	int ret = 0;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	if (cq->armed != IB_CQ_NEXT_COMP)
		cq->armed = fl & IB_CQ_SOLICITED_MASK;
	if ((fl & IB_CQ_REPORT_MISSED_EVENTS) && !list_empty(&cq->wcs))
		ret = 1;
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return ret;
}

const struct ib_device_ops vhca_cq_ops = {
	.create_cq = vhca_create_cq,
	.destroy_cq = vhca_destroy_cq,
	.poll_cq = vhca_poll_cq,
	.req_notify_cq = vhca_req_notify_cq,

	INIT_RDMA_OBJ_SIZE(ib_cq, vhca_cq, ibcq),
};
