// SPDX-License-Identifier: GPL-2.0
/* Shared receive queues. Only user space has them. */
#include <rdma/uverbs_ioctl.h>

#include "memory.h"
#include "queue.h"

static struct vhca_srq *to_vsrq(struct ib_srq *ibsrq)
{
	return container_of(ibsrq, struct vhca_srq, ibsrq);
}

static int vhca_create_srq(struct ib_srq *ibsrq,
			   struct ib_srq_init_attr *init,
			   struct ib_udata *udata)
{
	struct vhca_srq *srq = to_vsrq(ibsrq);
	struct rxe_create_srq_resp resp = {};
	int err;

	if (!udata || init->srq_type != IB_SRQT_BASIC)
		return -EOPNOTSUPP;
	if (!init->attr.max_wr || init->attr.max_wr > VHCA_MAX_WR ||
	    init->attr.max_sge > VHCA_MAX_SGE)
		return -EINVAL;
	srq->ring = vhca_queue_create(udata, init->attr.max_wr,
				      sizeof(struct rxe_recv_wqe) +
				      sizeof_field(struct vhca_memory, sge),
				      &resp.mi);
	if (IS_ERR(srq->ring))
		return PTR_ERR(srq->ring);
	init->attr.max_wr = srq->ring->mask;
	srq->limit = init->attr.srq_limit;
	srq->max_sge = init->attr.max_sge;
	err = vhca_respond(udata, &resp, sizeof(resp));
	if (err)
		vhca_queue_destroy(srq->ring);
	return err;
}

static int vhca_destroy_srq(struct ib_srq *ibsrq, struct ib_udata *udata)
{
	vhca_queue_destroy(to_vsrq(ibsrq)->ring);
	return 0;
}

/* The ring cannot be resized; IB_DEVICE_SRQ_RESIZE is not set. */
static int vhca_modify_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr,
			   enum ib_srq_attr_mask mask, struct ib_udata *udata)
{
	struct vhca_srq *srq = to_vsrq(ibsrq);

	if (mask & IB_SRQ_MAX_WR)
		return -EOPNOTSUPP;
	if (mask & IB_SRQ_LIMIT) {
		if (attr->srq_limit > srq->ring->mask)
			return -EINVAL;
		WRITE_ONCE(srq->limit, attr->srq_limit);
	}
	return 0;
}

static int vhca_query_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr)
{
	struct vhca_srq *srq = to_vsrq(ibsrq);

	attr->max_wr = srq->ring->mask;
	attr->max_sge = srq->max_sge;
	attr->srq_limit = READ_ONCE(srq->limit);
	return 0;
}

static int vhca_post_srq_recv(struct ib_srq *ibsrq,
			      const struct ib_recv_wr *wr,
			      const struct ib_recv_wr **bad)
{
	*bad = wr;
	return -EOPNOTSUPP;
}

const struct rxe_recv_wqe *vhca_srq_next(struct vhca_srq *srq)
{
	return vhca_queue_next(srq->ring);
}

/* Consumes a work request, and reports when fewer than the limit remain. */
void vhca_srq_advance(struct vhca_srq *srq)
{
	struct ib_event ev = {
		.device = srq->ibsrq.device,
		.event = IB_EVENT_SRQ_LIMIT_REACHED,
		.element.srq = &srq->ibsrq,
	};

	vhca_queue_advance(srq->ring);
	if (vhca_queue_length(srq->ring) >= READ_ONCE(srq->limit))
		return;
	WRITE_ONCE(srq->limit, 0);
	if (srq->ibsrq.event_handler)
		srq->ibsrq.event_handler(&ev, srq->ibsrq.srq_context);
}

const struct ib_device_ops vhca_srq_ops = {
	.create_srq = vhca_create_srq,
	.destroy_srq = vhca_destroy_srq,
	.modify_srq = vhca_modify_srq,
	.post_srq_recv = vhca_post_srq_recv,
	.query_srq = vhca_query_srq,

	INIT_RDMA_OBJ_SIZE(ib_srq, vhca_srq, ibsrq),
};
