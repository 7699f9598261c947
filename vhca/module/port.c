// SPDX-License-Identifier: GPL-2.0
/* The attributes of a device and its port. */
#include <linux/module.h>
#include <rdma/ib_mad.h>

#include "device.h"

#define VHCA_UVERBS_ABI	2		/* rxe's */
#define VHCA_NO_VENDOR	0xffffff	/* no OUI, as rxe has it */

bool vhca_link_up(struct vhca_dev *d)
{
	return !d->pf || READ_ONCE(d->pf->vfs[d->vf].link) !=
			 IFLA_VF_LINK_STATE_DISABLE;
}

/* The first port's. */
void vhca_make_gid(struct vhca_dev *d, union ib_gid *gid)
{
	gid->global.subnet_prefix = cpu_to_be64(VHCA_PREFIX);
	gid->global.interface_id = cpu_to_be64(d->port_guid);
}

static int vhca_query_device(struct ib_device *ibdev,
			     struct ib_device_attr *a, struct ib_udata *udata)
{
	struct vhca_dev *d = to_vdev(ibdev);

	memset(a, 0, sizeof(*a));
	/*
	 * Not the disguise: perftest would use what only Mellanox's provider
	 * has.
	 */
	a->vendor_id = VHCA_NO_VENDOR;
	a->sys_image_guid = cpu_to_be64(d->pf ? d->pf->node_guid : d->node_guid);
	a->max_qp = 1024;
	a->max_qp_wr = VHCA_MAX_WR;
	a->max_send_sge = a->max_recv_sge = VHCA_MAX_SGE;
	a->max_cq = 1024;
	a->max_cqe = VHCA_MAX_CQE;
	a->max_mr = a->max_pd = a->max_ah = 1024;
	a->max_srq = 1024;
	a->max_srq_wr = VHCA_MAX_WR;
	a->max_srq_sge = VHCA_MAX_SGE;
	a->max_qp_rd_atom = a->max_qp_init_rd_atom = 16;
	a->max_res_rd_atom = 16 * 1024;
	a->atomic_cap = IB_ATOMIC_HCA;
	a->device_cap_flags = IB_DEVICE_RC_RNR_NAK_GEN;
	a->max_mr_size = ~0ULL;
	a->max_mcast_grp = 1024;
	a->max_mcast_qp_attach = 256;
	a->max_total_mcast_qp_attach = 1024 * 256;
	a->max_pkeys = VHCA_PKEYS;
	a->kernel_cap_flags = d->pf ? IBK_VIRTUAL_FUNCTION : 0;
	return 0;
}

static int vhca_query_port(struct ib_device *ibdev, u32 port,
			   struct ib_port_attr *a)
{
	struct vhca_dev *d = to_vdev(ibdev);
	bool up = port == 1 && vhca_link_up(d);

	a->state = up ? IB_PORT_ACTIVE : IB_PORT_DOWN;
	a->phys_state = up ? IB_PORT_PHYS_STATE_LINK_UP :
			     IB_PORT_PHYS_STATE_POLLING;
	a->max_mtu = a->active_mtu = ib_mtu_int_to_enum(vhca_port_mtu);
	a->gid_tbl_len = 1;
	a->pkey_tbl_len = VHCA_PKEYS;
	a->port_cap_flags = IB_PORT_CM_SUP;
	a->max_msg_sz = VHCA_MAX_MSG;
	a->lid = port == 1 ? d->lid : 0;
	a->sm_lid = VHCA_SM_LID;
	a->max_vl_num = 4;
	a->active_width = IB_WIDTH_4X;
	a->active_speed = IB_SPEED_EDR;
	a->subnet_timeout = 18;
	return 0;
}

static int vhca_modify_port(struct ib_device *ibdev, u32 port, int mask,
			    struct ib_port_modify *m)
{
	return 0;
}

static int vhca_port_immutable(struct ib_device *ibdev, u32 port,
			       struct ib_port_immutable *im)
{
	im->gid_tbl_len = 1;
	im->pkey_tbl_len = VHCA_PKEYS;
	im->core_cap_flags = RDMA_CORE_PORT_IBA_IB;
	im->max_mad_size = IB_MGMT_MAD_SIZE;
	return 0;
}

static enum rdma_link_layer vhca_link_layer(struct ib_device *ibdev, u32 port)
{
	return IB_LINK_LAYER_INFINIBAND;
}

static int vhca_query_gid(struct ib_device *ibdev, u32 port, int index,
			  union ib_gid *gid)
{
	vhca_make_gid(to_vdev(ibdev), gid);
	if (port == 2)
		gid->global.interface_id ^= cpu_to_be64(1ULL << 32);
	return 0;
}

/* Returns an entry of a port's pkey table; 0 if the index is not in the table. */
u16 vhca_pkey(struct vhca_dev *d, u16 index)
{
	if (index >= VHCA_PKEYS)
		return 0;
	if (d->pf)
		return READ_ONCE(d->pf->vfs[d->vf].pkeys[index]);
	return index ? 0 : VHCA_DEFAULT_PKEY;
}

/* A full member of a partition can talk to all members. */
bool vhca_pkeys_match(u16 a, u16 b)
{
	return (a & 0x7fff) && !((a ^ b) & 0x7fff) && ((a | b) & 0x8000);
}

static int vhca_query_pkey(struct ib_device *ibdev, u32 port, u16 index,
			   u16 *pkey)
{
	if (index >= VHCA_PKEYS)
		return -EINVAL;
	*pkey = vhca_pkey(to_vdev(ibdev), index);
	return 0;
}

/*
 * IPoIB makes its standard netdev, without acceleration: this hook only sets
 * the net namespace before the netdev is registered.
 */
static int vhca_init_rdma_netdev(struct ib_device *ibdev, u32 port,
				 struct net_device *netdev, void *param)
{
	if (vhca_ipoib_netns)
		dev_net_set(netdev, read_pnet(&ibdev->coredev.rdma_net));
	return -EOPNOTSUPP;
}

static int vhca_rdma_netdev_params(struct ib_device *ibdev, u32 port,
				   enum rdma_netdev_t type,
				   struct rdma_netdev_alloc_params *p)
{
	if (vhca_no_netdev)
		return -EIO;
	if (type != RDMA_NETDEV_IPOIB)
		return -EOPNOTSUPP;
	*p = (struct rdma_netdev_alloc_params) {
		.sizeof_priv = sizeof(struct rdma_netdev),
		.txqs = 1,
		.rxqs = 1,
		.initialize_rdma_netdev = vhca_init_rdma_netdev,
	};
	return 0;
}

const struct ib_device_ops vhca_port_ops = {
	.owner = THIS_MODULE,
	/* rdma-core chooses the provider by these two. */
	.driver_id = RDMA_DRIVER_RXE,
	.uverbs_abi_ver = VHCA_UVERBS_ABI,

	.get_link_layer = vhca_link_layer,
	.get_port_immutable = vhca_port_immutable,
	.modify_port = vhca_modify_port,
	.query_device = vhca_query_device,
	.query_gid = vhca_query_gid,
	.query_pkey = vhca_query_pkey,
	.query_port = vhca_query_port,
	.rdma_netdev_get_params = vhca_rdma_netdev_params,
};
