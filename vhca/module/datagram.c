// SPDX-License-Identifier: GPL-2.0
/* Sends datagrams of all queue pairs. */
#include "fabric.h"
#include "verbs.h"

void vhca_send(struct vhca_dev *src, struct vhca_qp *sqp,
	       const struct rdma_ah_attr *ah, u32 dqpn,
	       const struct vhca_packet *p)
{
	const struct ib_global_route *g = NULL;
	u16 dlid = rdma_ah_get_dlid(ah);
	struct ib_grh grh = {};
	struct vhca_dev *d;
	struct vhca_qp *qp;

	vhca_count_tx(src, p->len);
	if (!vhca_link_up(src))
		return;
	if (rdma_ah_get_ah_flags(ah) & IB_AH_GRH) {
		g = rdma_ah_read_grh(ah);
		grh.version_tclass_flow = cpu_to_be32(6 << 28);
		grh.paylen = cpu_to_be16(p->len);
		grh.next_hdr = 0x1b;
		grh.hop_limit = g->hop_limit;
		grh.dgid = g->dgid;
		vhca_make_gid(src, &grh.sgid);
	}
	if (dqpn == 0)				/* SMPs have no receiver */
		return;
	if (dqpn == 1 && dlid == VHCA_SM_LID) {
		vhca_sa_answer(src, p->data, p->len);
		return;
	}
	if (g && dlid >= VHCA_MCAST_LID) {
		vhca_receive_multicast(src, sqp, &grh, p);
		return;
	}
	d = vhca_port_by_lid(dlid);
	if (!d || !vhca_link_up(d))
		return;
	qp = vhca_qp_by_num(d, dqpn);
	if (qp)
		vhca_receive(qp, src->lid, sqp->ibqp.qp_num, g ? &grh : NULL,
			     p);
}
