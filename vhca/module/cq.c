// SPDX-License-Identifier: GPL-2.0
/* Completion queues. Handlers run in a work item, as if from an interrupt. */
#include <linux/slab.h>

#include "vhca.h"

static void cq_work(struct work_struct *w)
{
	struct vhca_cq *cq = container_of(w, struct vhca_cq, work);

	local_bh_disable();
	cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);
	local_bh_enable();
}

void vhca_complete(struct ib_cq *ibcq, const struct ib_wc *wc)
{
	struct vhca_cq *cq = to_vcq(ibcq);
	struct vhca_wce *e = kmalloc(sizeof(*e), GFP_ATOMIC);

	lockdep_assert_held(&vhca_fabric_lock);
	if (WARN_ON_ONCE(!e))
		return;
	e->wc = *wc;
	list_add_tail(&e->link, &cq->wcs);
	if (cq->armed) {
		cq->armed = false;
		queue_work(system_unbound_wq, &cq->work);
	}
}

static int vhca_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *a,
			  struct uverbs_attr_bundle *attrs)
{
	struct vhca_cq *cq = to_vcq(ibcq);

	if (attrs)
		return -EOPNOTSUPP;
	INIT_LIST_HEAD(&cq->wcs);
	INIT_WORK(&cq->work, cq_work);
	ibcq->cqe = a->cqe;
	return 0;
}

static int vhca_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata)
{
	struct vhca_cq *cq = to_vcq(ibcq);
	struct vhca_wce *e, *n;
	unsigned long flags;
	LIST_HEAD(old);

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	cq->armed = false;
	list_splice_init(&cq->wcs, &old);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	cancel_work_sync(&cq->work);
	list_for_each_entry_safe(e, n, &old, link)
		kfree(e);
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
	cq->armed = true;
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
