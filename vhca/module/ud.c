// SPDX-License-Identifier: GPL-2.0
/* Datagrams of user space. */
#include "memory.h"
#include "user.h"
#include "verbs.h"

/* Executes a work request of the send queue. */
void vhca_user_datagram(struct vhca_user *u)
{
	static u8 packet[VHCA_MAX_PKT];	/* guarded by vhca_fabric_lock */
	struct vhca_dev *d = to_vdev(u->qp->ibqp.device);
	const struct vhca_space s = { d, u->qp->ibqp.pd };
	struct vhca_ah *ah = vhca_ah_by_num(d, u->wr.wr.ud.ah_num);
	const struct vhca_packet p = {
		.data = packet,
		.len = u->local.length,
		.from_user = true,
		/* The highest bit requests the queue pair's own key. */
		.qkey = u->wr.wr.ud.remote_qkey & BIT(31) ?
			u->qp->qkey : u->wr.wr.ud.remote_qkey,
		.pkey = vhca_pkey(d, u->attr.pkey_index),
		.has_imm = u->wr.opcode == IB_WR_SEND_WITH_IMM,
		.imm = u->wr.ex.imm_data,
		.solicited = u->wr.send_flags & IB_SEND_SOLICITED,
	};

	if (!ah || ah->ibah.pd != s.pd ||
	    (u->wr.opcode != IB_WR_SEND && u->wr.opcode != IB_WR_SEND_WITH_IMM)) {
		vhca_user_sent(u, IB_WC_LOC_QP_OP_ERR);
		return;
	}
	if (p.len > min(vhca_port_mtu, VHCA_MAX_PKT)) {
		vhca_user_sent(u, IB_WC_LOC_LEN_ERR);
		return;
	}
	if (!vhca_memory_ok(&s, &u->local) ||
	    !vhca_memory_read(&s, &u->local, packet)) {
		vhca_user_sent(u, IB_WC_LOC_PROT_ERR);
		return;
	}
	vhca_send(d, u->qp, &ah->attr, u->wr.wr.ud.remote_qpn, &p);
	vhca_user_sent(u, IB_WC_SUCCESS);
}

/* Receives a datagram; the first 40 bytes of the buffer are for its route. */
void vhca_user_receive(struct vhca_qp *qp, u16 slid, u32 src_qpn,
		       const struct ib_grh *grh, const struct vhca_packet *p)
{
	struct vhca_user *u = qp->user;
	struct vhca_dev *d = to_vdev(u->qp->ibqp.device);
	const struct vhca_space s = { d, u->qp->ibqp.pd, IB_ACCESS_LOCAL_WRITE };
	struct ib_wc wc = {
		.opcode = IB_WC_RECV,
		.byte_len = p->len + sizeof(*grh),
		.src_qp = src_qpn,
		.slid = slid,
	};

	if (p->from_user &&
	    !vhca_pkeys_match(p->pkey, vhca_pkey(d, u->attr.pkey_index)))
		return;
	if (!vhca_user_take(u))
		return;
	if (u->in.length < wc.byte_len)
		wc.status = IB_WC_LOC_LEN_ERR;
	else if (!vhca_memory_ok(&s, &u->in) ||
		 (grh && !vhca_memory_write(&s, &u->in, 0, grh, sizeof(*grh))) ||
		 !vhca_memory_write(&s, &u->in, sizeof(*grh), p->data, p->len))
		wc.status = IB_WC_LOC_PROT_ERR;
	if (grh)
		wc.wc_flags |= IB_WC_GRH;
	if (p->has_imm) {
		wc.wc_flags |= IB_WC_WITH_IMM;
		wc.ex.imm_data = p->imm;
	}
	vhca_count_rx(d, p->len);
	vhca_user_received(u, &wc, p->solicited);
	if (wc.status)
		vhca_user_fail(u);
}
