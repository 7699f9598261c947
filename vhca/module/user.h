/* SPDX-License-Identifier: GPL-2.0 */
/* Queue pairs of user space. */
#ifndef VHCA_USER_H
#define VHCA_USER_H

#include "fabric.h"
#include "memory.h"
#include "queue.h"

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

/* All but create, destroy, modify and work need vhca_fabric_lock held. */

/* requests.c */

bool vhca_user_take(struct vhca_user *u);
void vhca_user_received(struct vhca_user *u, struct ib_wc *wc, bool solicited);
void vhca_user_sent(struct vhca_user *u, enum ib_wc_status status);
void vhca_user_fail(struct vhca_user *u);
void vhca_user_event(struct vhca_user *u, enum ib_event_type type);

/* ud.c, rdma.c */

void vhca_user_datagram(struct vhca_user *u);
void vhca_user_receive(struct vhca_qp *qp, u16 slid, u32 src_qpn,
		       const struct ib_grh *grh, const struct vhca_packet *p);
long vhca_user_message(struct vhca_user *u);

/* send.c */

#define VHCA_IDLE	(-1L)

void vhca_user_run(struct vhca_user *u);
void vhca_user_work(struct work_struct *w);

/* user.c */

extern struct ib_client vhca_client;

int vhca_user_create(struct vhca_qp *qp, struct ib_qp_init_attr *init,
		     struct ib_udata *udata);
void vhca_user_destroy(struct vhca_user *u);
int vhca_user_modify(struct vhca_user *u, struct ib_qp_attr *attr, int mask);

#endif
