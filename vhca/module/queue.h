/* SPDX-License-Identifier: GPL-2.0 */
/* Rings, completion queues and shared receive queues. */
#ifndef VHCA_QUEUE_H
#define VHCA_QUEUE_H

#include <rdma/rdma_user_rxe.h>

#include "device.h"

struct vhca_uctx {
	struct ib_ucontext ibuctx;
};

/* A ring that user space maps; this side's index. */
struct vhca_queue {
	struct rdma_user_mmap_entry entry;
	struct rxe_queue_buf *buf;
	u32 mask, shift, index;
};

struct vhca_cq {
	struct ib_cq ibcq;
	struct list_head wcs;		/* in the kernel */
	struct vhca_queue *ring;	/* in user space */
	enum ib_cq_notify_flags armed;
	bool overrun;
	struct work_struct work;
};

struct vhca_srq {
	struct ib_srq ibsrq;
	struct vhca_queue *ring;
	u32 limit;			/* 0: no event is requested */
	u32 max_sge;
};

static inline struct vhca_cq *to_vcq(struct ib_cq *ibcq)
{
	return container_of(ibcq, struct vhca_cq, ibcq);
}

/* queue.c */

extern const struct ib_device_ops vhca_queue_ops;

int vhca_respond(struct ib_udata *udata, void *resp, size_t len);
struct vhca_queue *vhca_queue_create(struct ib_udata *udata, u32 entries,
				     u32 elem, struct mminfo *mi);
void vhca_queue_destroy(struct vhca_queue *q);
const void *vhca_queue_next(struct vhca_queue *q);
void vhca_queue_advance(struct vhca_queue *q);
u32 vhca_queue_length(struct vhca_queue *q);
void vhca_queue_clear(struct vhca_queue *q);
bool vhca_queue_push(struct vhca_queue *q, const void *e, size_t len);

/* cq.c; needs vhca_fabric_lock held */

extern const struct ib_device_ops vhca_cq_ops;

void vhca_complete(struct ib_cq *ibcq, const struct ib_wc *wc, bool solicited);

/* srq.c */

extern const struct ib_device_ops vhca_srq_ops;

const struct rxe_recv_wqe *vhca_srq_next(struct vhca_srq *srq);
void vhca_srq_advance(struct vhca_srq *srq);

#endif
