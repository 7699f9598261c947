/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verbs of user space. A process shares its rings with the kernel and can write
 * to them at any time, so whatever it has written is copied first, then checked
 * and used.
 */
#ifndef VHCA_USER_H
#define VHCA_USER_H

#include <rdma/rdma_user_rxe.h>

#include "vhca.h"

#define VHCA_MAX_INLINE	320		/* as many bytes as VHCA_MAX_SGE entries */

/* A ring that user space maps; this side's index. */
struct vhca_queue {
	struct rdma_user_mmap_entry entry;
	struct rxe_queue_buf *buf;
	u32 mask, shift, index;
};

struct vhca_mr {
	struct ib_mr ibmr;
	struct ib_umem *umem;		/* NULL in the kernel */
	struct ib_pd *pd;
	u64 iova, length;
	u32 skip;			/* of the first page */
	int access;
	void **pages;
};

/* The regions that a key can name, and the access that they must permit. */
struct vhca_space {
	struct vhca_dev *dev;
	struct ib_pd *pd;
	int access;
};

/* The memory of one work request: a copy, which user space cannot change. */
struct vhca_memory {
	u32 length;
	u32 nsge;
	bool inlined;
	union {
		struct rxe_sge sge[VHCA_MAX_SGE];
		u8 data[VHCA_MAX_INLINE];
	};
};

struct vhca_srq {
	struct ib_srq ibsrq;
	struct vhca_queue *ring;
	u32 limit;			/* 0: no event is requested */
	u32 max_sge;
};

/* The part of a queue pair that only user space needs. */
struct vhca_user {
	struct vhca_qp *qp;
	struct vhca_queue *sq, *rq;
	struct vhca_srq *srq;		/* in the place of rq */
	struct ib_qp_attr attr;
	struct delayed_work work;	/* executes the send queue */

	/* The work request of the send queue that is being executed. */
	bool sending, begun;
	struct rxe_send_wr wr;
	struct vhca_memory local, remote;
	u32 done;			/* bytes */
	u32 retries, rnr_retries;
	unsigned long not_before;	/* jiffies */

	/* The work request of the receive queue that is being filled. */
	bool receiving;
	u64 recv_id;
	struct vhca_memory in;
};

/* verbs.c; needs vhca_fabric_lock held */

struct vhca_ah *vhca_ah_by_num(struct vhca_dev *d, u32 num);

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

/* mr.c; all need vhca_fabric_lock held */

extern const struct ib_device_ops vhca_mr_ops;

bool vhca_memory_ok(const struct vhca_space *s, const struct vhca_memory *m);
void *vhca_memory_at(const struct vhca_space *s, struct vhca_memory *m, u32 off,
		     u32 *len);
bool vhca_memory_write(const struct vhca_space *s, struct vhca_memory *m,
		       u32 off, const void *src, u32 len);
bool vhca_memory_read(const struct vhca_space *s, struct vhca_memory *m, void *dst);

/* srq.c */

extern const struct ib_device_ops vhca_srq_ops;

const struct rxe_recv_wqe *vhca_srq_next(struct vhca_srq *srq);
void vhca_srq_advance(struct vhca_srq *srq);

/* user.c; all but create, destroy and modify need vhca_fabric_lock held */

int vhca_user_create(struct vhca_qp *qp, struct ib_qp_init_attr *init,
		     struct ib_udata *udata);
void vhca_user_destroy(struct vhca_user *u);
int vhca_user_modify(struct vhca_user *u, struct ib_qp_attr *attr, int mask);
enum ib_wc_status vhca_load(struct vhca_memory *m, const struct rxe_dma_info *dma,
			    bool inlined);
bool vhca_user_take(struct vhca_user *u);
void vhca_user_received(struct vhca_user *u, struct ib_wc *wc, bool solicited);
void vhca_user_fail(struct vhca_user *u);
void vhca_user_event(struct vhca_user *u, enum ib_event_type type);
void vhca_user_receive(struct vhca_user *u, u16 slid, u32 src_qpn,
		       const struct ib_grh *grh, const struct vhca_packet *p);
bool vhca_pkeys_match(u16 a, u16 b);

/* send.c, rdma.c */

#define VHCA_IDLE	(-1L)

void vhca_user_run(struct vhca_user *u);
void vhca_user_work(struct work_struct *w);
void vhca_user_sent(struct vhca_user *u, enum ib_wc_status status);
long vhca_user_message(struct vhca_user *u);

#endif
