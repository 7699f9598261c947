// SPDX-License-Identifier: GPL-2.0
/* Queue pairs of the kernel. Only UD and management QPs among them carry data. */
#include <linux/slab.h>

#include "fabric.h"
#include "queue.h"
#include "verbs.h"

struct vhca_rwqe {
	struct list_head link;
	u64 wr_id;
	int nsge;
	struct ib_sge sge[VHCA_MAX_SGE];
};

static u32 scatter(struct vhca_rwqe *r, u32 off, const void *src, u32 len)
{
	u32 done = 0, pos = 0;
	int i;

	for (i = 0; i < r->nsge && done < len; i++) {
		u32 sl = r->sge[i].length, in, n;

		if (off + done < pos + sl) {
			in = off + done - pos;
			n = min(sl - in, len - done);
			memcpy((u8 *)(uintptr_t)r->sge[i].addr + in,
			       src + done, n);
			done += n;
		}
		pos += sl;
	}
	return done;
}

/* Puts a datagram into the next receive buffer. */
static void receive(struct vhca_qp *qp, u16 slid, u32 src_qpn,
		    const struct ib_grh *grh, const struct vhca_packet *p)
{
	struct vhca_dev *d = to_vdev(qp->ibqp.device);
	struct vhca_rwqe *r;
	struct ib_wc wc = {};

	r = list_first_entry_or_null(&qp->rq, struct vhca_rwqe, link);
	if (!r)
		return;
	list_del(&r->link);
	if (grh) {
		scatter(r, 0, grh, sizeof(*grh));
		wc.wc_flags |= IB_WC_GRH;
	}
	wc.status = scatter(r, sizeof(*grh), p->data, p->len) == p->len ?
		    IB_WC_SUCCESS : IB_WC_LOC_LEN_ERR;
	wc.wr_id = r->wr_id;
	wc.opcode = IB_WC_RECV;
	wc.byte_len = p->len + sizeof(*grh);
	wc.qp = &qp->ibqp;
	wc.src_qp = src_qpn;
	wc.slid = slid;
	wc.port_num = 1;
	vhca_count_rx(d, p->len);
	vhca_complete(qp->ibqp.recv_cq, &wc, true);
	kfree(r);
}

void vhca_kernel_create(struct vhca_qp *qp)
{
	INIT_LIST_HEAD(&qp->rq);
	qp->receive = receive;
}

/* Drops the receives that were posted, and completes them with `report`. */
void vhca_kernel_flush(struct vhca_qp *qp, bool report)
{
	struct vhca_rwqe *r, *n;

	list_for_each_entry_safe(r, n, &qp->rq, link) {
		struct ib_wc wc = {
			.status = IB_WC_WR_FLUSH_ERR,
			.opcode = IB_WC_RECV,
			.qp = &qp->ibqp,
		};

		wc.wr_id = r->wr_id;
		list_del(&r->link);
		if (report)
			vhca_complete(qp->ibqp.recv_cq, &wc, false);
		kfree(r);
	}
}

void vhca_kernel_modify(struct vhca_qp *qp, struct ib_qp_attr *attr, int mask)
{
	unsigned long flags;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	if (mask & IB_QP_QKEY)
		qp->qkey = attr->qkey;
	if (mask & IB_QP_STATE) {
		qp->state = attr->qp_state;
		if (qp->state == IB_QPS_ERR)
			vhca_kernel_flush(qp, true);
		else if (qp->state == IB_QPS_RESET)
			vhca_kernel_flush(qp, false);
	}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
}

int vhca_kernel_post_recv(struct vhca_qp *qp, const struct ib_recv_wr *wr,
			  const struct ib_recv_wr **bad)
{
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	for (; wr; wr = wr->next) {
		struct vhca_rwqe *r = kzalloc(sizeof(*r), GFP_ATOMIC);

		err = !r ? -ENOMEM : qp->state == IB_QPS_RESET ||
		      wr->num_sge > VHCA_MAX_SGE ? -EINVAL : 0;
		if (err) {
			kfree(r);
			*bad = wr;
			break;
		}
		r->wr_id = wr->wr_id;	/* a union with wr_cqe */
		r->nsge = wr->num_sge;
		memcpy(r->sge, wr->sg_list, wr->num_sge * sizeof(r->sge[0]));
		list_add_tail(&r->link, &qp->rq);
		if (qp->state == IB_QPS_ERR)
			vhca_kernel_flush(qp, true);
	}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	return err;
}

int vhca_kernel_post_send(struct vhca_qp *qp, const struct ib_send_wr *wr,
			  const struct ib_send_wr **bad)
{
	struct ib_qp *ibqp = &qp->ibqp;
	struct vhca_dev *d = to_vdev(ibqp->device);
	unsigned long flags;
	u8 *buf;
	int err = 0, i;

	buf = kmalloc(VHCA_MAX_PKT, GFP_ATOMIC);
	if (!buf) {
		*bad = wr;
		return -ENOMEM;
	}
	spin_lock_irqsave(&vhca_fabric_lock, flags);
	for (; wr; wr = wr->next) {
		struct ib_wc wc = { .status = IB_WC_SUCCESS, .qp = ibqp,
				    .opcode = IB_WC_SEND };
		const struct ib_ud_wr *ud = ud_wr(wr);
		u32 len = 0;

		wc.wr_id = wr->wr_id;
		if (qp->state == IB_QPS_ERR) {
			wc.status = IB_WC_WR_FLUSH_ERR;
			vhca_complete(ibqp->send_cq, &wc, false);
			continue;
		}
		if (qp->state != IB_QPS_RTS) {
			err = -EINVAL;
			*bad = wr;
			break;
		}
		for (i = 0; i < wr->num_sge; i++) {
			if (len + wr->sg_list[i].length > VHCA_MAX_PKT) {
				wc.status = IB_WC_LOC_LEN_ERR;
				break;
			}
			memcpy(buf + len,
			       (void *)(uintptr_t)wr->sg_list[i].addr,
			       wr->sg_list[i].length);
			len += wr->sg_list[i].length;
		}
		if (wc.status == IB_WC_SUCCESS && ibqp->qp_type != IB_QPT_RC &&
		    ud->ah && !list_empty(&qp->link)) {
			const struct vhca_packet p = {
				.data = buf,
				.len = len,
				.qkey = ud->remote_qkey & BIT(31) ?
					qp->qkey : ud->remote_qkey,
			};

			vhca_send(d, qp, &to_vah(ud->ah)->attr,
				  ud->remote_qpn, &p);
		}
		if (qp->sig_all || (wr->send_flags & IB_SEND_SIGNALED) ||
		    wc.status)
			vhca_complete(ibqp->send_cq, &wc, false);
	}
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	kfree(buf);
	return err;
}
