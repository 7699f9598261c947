// SPDX-License-Identifier: GPL-2.0
/*
 * Subnet administration: answers requests of IPoIB and ib_sa in the place of a
 * subnet manager. The offsets are from MCMemberRecord and PathRecord in the
 * InfiniBand specification (volume 1, 15.2.5).
 */
#include <linux/delay.h>
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <rdma/ib_mad.h>
#include <rdma/ib_sa.h>

#include "fabric.h"
#include "verbs.h"

#define VHCA_MCAST_QKEY	0x0b1b

/* Every port may be in every partition, so the requested pkey is accepted. */
static void vhca_sa_pkey(u8 *pkey)
{
	if (!get_unaligned_be16(pkey))
		put_unaligned_be16(VHCA_DEFAULT_PKEY, pkey);
}

/* A delayed answer. Its port may be removed or down when it is delivered. */
struct vhca_sa_reply {
	struct delayed_work work;
	u16 dlid;
	struct ib_sa_mad mad;
};

static struct workqueue_struct *vhca_sa_wq;
static atomic_t vhca_sa_late = ATOMIC_INIT(0);

int vhca_sa_init(void)
{
	vhca_sa_wq = alloc_workqueue("vhca_sa", 0, 0);
	return vhca_sa_wq ? 0 : -ENOMEM;
}

void vhca_sa_exit(void)
{
	while (atomic_read(&vhca_sa_late))
		msleep(1);
	destroy_workqueue(vhca_sa_wq);
}

static void deliver(struct vhca_dev *dst, const struct ib_sa_mad *m)
{
	const struct vhca_packet p = { .data = m, .len = sizeof(*m) };
	struct vhca_qp *qp1 = vhca_qp_by_num(dst, 1);

	if (qp1 && vhca_link_up(dst))
		vhca_receive(qp1, VHCA_SM_LID, 1, NULL, &p);
}

static void deliver_late(struct work_struct *w)
{
	struct vhca_sa_reply *r = container_of(w, struct vhca_sa_reply, work.work);
	struct vhca_dev *dst;
	unsigned long flags;

	spin_lock_irqsave(&vhca_fabric_lock, flags);
	dst = vhca_port_by_lid(r->dlid);
	if (dst)
		deliver(dst, &r->mad);
	spin_unlock_irqrestore(&vhca_fabric_lock, flags);
	kfree(r);
	atomic_dec(&vhca_sa_late);
}

void vhca_sa_answer(struct vhca_dev *src, const void *req, u32 len)
{
	struct vhca_sa_reply *r;
	struct ib_class_port_info *info;
	struct ib_sa_mad *m;
	struct vhca_dev *dst;
	u8 *rec;

	if (len < sizeof(*m))
		return;
	r = kzalloc(sizeof(*r), GFP_ATOMIC);
	if (!r)
		return;
	m = &r->mad;
	memcpy(m, req, sizeof(*m));
	r->dlid = src->lid;
	if (m->mad_hdr.mgmt_class != IB_MGMT_CLASS_SUBN_ADM ||
	    (m->mad_hdr.method & IB_MGMT_METHOD_RESP))
		goto out;
	rec = m->data;
	m->mad_hdr.status = 0;
	switch (be16_to_cpu(m->mad_hdr.attr_id)) {
	case IB_SA_ATTR_CLASS_PORTINFO:
		info = (struct ib_class_port_info *)rec;
		memset(info, 0, sizeof(*info));
		info->base_version = IB_MGMT_BASE_VERSION;
		info->class_version = IB_SA_CLASS_VERSION;
		ib_set_cpi_resp_time(info, 18);
		break;
	case IB_SA_ATTR_MC_MEMBER_REC:
		put_unaligned_be32(VHCA_MCAST_QKEY, rec + 32);
		put_unaligned_be16(VHCA_MCAST_LID |
				   (jhash(rec, 16, 0) & 0x3ffe), rec + 36);
		rec[38] = 2 << 6 | IB_MTU_2048;
		vhca_sa_pkey(rec + 40);
		rec[42] = 2 << 6 | IB_RATE_100_GBPS;
		rec[43] = 2 << 6 | 18;
		break;
	case IB_SA_ATTR_PATH_REC:
		dst = vhca_port_by_gid(rec + 8);
		if (!dst) {
			m->mad_hdr.status = cpu_to_be16(3 << 8);
			break;
		}
		put_unaligned_be16(dst->lid, rec + 40);
		put_unaligned_be16(src->lid, rec + 42);
		rec[49] = 0x81;
		vhca_sa_pkey(rec + 50);
		rec[54] = 2 << 6 | IB_MTU_2048;
		rec[55] = 2 << 6 | IB_RATE_100_GBPS;
		rec[56] = 2 << 6 | 18;
		break;
	default:
		m->mad_hdr.status = cpu_to_be16(0xc);	/* not supported */
	}
	m->mad_hdr.method = m->mad_hdr.method == IB_SA_METHOD_DELETE ?
		IB_SA_METHOD_DELETE_RESP : IB_MGMT_METHOD_GET_RESP;
	if (vhca_sa_delay_ms > 0) {
		INIT_DELAYED_WORK(&r->work, deliver_late);
		atomic_inc(&vhca_sa_late);
		queue_delayed_work(vhca_sa_wq, &r->work,
				   msecs_to_jiffies(vhca_sa_delay_ms));
		return;
	}
	deliver(src, m);
out:
	kfree(r);
}
