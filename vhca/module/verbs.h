/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Small objects, queue pairs of the kernel, and what carries datagrams for all
 * queue pairs.
 */
#ifndef VHCA_VERBS_H
#define VHCA_VERBS_H

#include "fabric.h"

struct vhca_ah {
	struct ib_ah ibah;
	struct rdma_ah_attr attr;
	u32 num;			/* 0 in the kernel */
};

struct vhca_pd {
	struct ib_pd ibpd;
};

static inline struct vhca_ah *to_vah(struct ib_ah *ibah)
{
	return container_of(ibah, struct vhca_ah, ibah);
}

/* verbs.c; vhca_ah_by_num needs vhca_fabric_lock held */

extern const struct ib_device_ops vhca_verbs_ops;

struct vhca_ah *vhca_ah_by_num(struct vhca_dev *d, u32 num);

/* sa.c, datagram.c; vhca_sa_answer and vhca_send need vhca_fabric_lock held */

int vhca_sa_init(void);
void vhca_sa_exit(void);
void vhca_sa_answer(struct vhca_dev *src, const void *req, u32 len);
void vhca_send(struct vhca_dev *src, struct vhca_qp *sqp,
	       const struct rdma_ah_attr *ah, u32 dqpn,
	       const struct vhca_packet *p);

/* kernel.c; vhca_kernel_flush needs vhca_fabric_lock held */

void vhca_kernel_create(struct vhca_qp *qp);
void vhca_kernel_modify(struct vhca_qp *qp, struct ib_qp_attr *attr, int mask);
void vhca_kernel_flush(struct vhca_qp *qp, bool report);
int vhca_kernel_post_recv(struct vhca_qp *qp, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad);
int vhca_kernel_post_send(struct vhca_qp *qp, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad);

#endif
