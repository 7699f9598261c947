// SPDX-License-Identifier: GPL-2.0
/*
 * Subnet administration: answers what IPoIB and ib_sa ask, in the place of a
 * subnet manager. Offsets are those of MCMemberRecord and PathRecord in the
 * InfiniBand specification (volume 1, 15.2.5).
 */
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/unaligned.h>
#include <rdma/ib_mad.h>
#include <rdma/ib_sa.h>

#include "vhca.h"

#define VHCA_MCAST_QKEY	0x0b1b

/* Every port may be in every partition: the one that was asked for stands. */
static void vhca_sa_pkey(u8 *pkey)
{
	if (!get_unaligned_be16(pkey))
		put_unaligned_be16(VHCA_DEFAULT_PKEY, pkey);
}

void vhca_sa_answer(struct vhca_dev *src, const void *req, u32 len)
{
	struct vhca_qp *qp1 = vhca_qp_by_num(src, 1);
	struct ib_sa_mad *m;
	struct vhca_dev *dst;
	u8 *rec;

	if (!qp1 || len < sizeof(*m))
		return;
	m = kmemdup(req, sizeof(*m), GFP_ATOMIC);
	if (!m)
		return;
	if (m->mad_hdr.mgmt_class != IB_MGMT_CLASS_SUBN_ADM ||
	    (m->mad_hdr.method & IB_MGMT_METHOD_RESP))
		goto out;
	rec = m->data;
	m->mad_hdr.status = 0;
	switch (be16_to_cpu(m->mad_hdr.attr_id)) {
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
	vhca_receive(qp1, VHCA_SM_LID, 1, NULL, m, sizeof(*m));
out:
	kfree(m);
}
