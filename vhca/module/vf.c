// SPDX-License-Identifier: GPL-2.0
/* A PF's settings of its VFs: GUIDs, link state, statistics (ip link set PF vf N …). */
#include "device.h"

DEFINE_MUTEX(vhca_vfs_lock);

/* Resets the settings to those of new VFs. */
void vhca_vfs_init(struct vhca_dev *pf)
{
	int i;

	mutex_lock(&vhca_vfs_lock);
	memset(pf->vfs, 0, sizeof(pf->vfs));
	for (i = 0; i < VHCA_MAX_VFS; i++) {
		pf->vfs[i].guid_set = jiffies;
		pf->vfs[i].link = IFLA_VF_LINK_STATE_DISABLE;
		pf->vfs[i].pkeys[0] = VHCA_DEFAULT_PKEY;
	}
	mutex_unlock(&vhca_vfs_lock);
}

/*
 * Gives a VF's GUIDs to its driver, which is being bound, as the firmware does:
 * slow firmware gives the previous ones. With vhca_vfs_lock held.
 */
void vhca_take_guids(struct vhca_vf *vf, struct vhca_dev *d)
{
	vf->binds++;
	if (vf->binds >= vhca_guid_binds &&
	    !time_before(jiffies, vf->guid_set +
				  msecs_to_jiffies(vhca_guid_late_ms))) {
		vf->given_node = vf->node_guid;
		vf->given_port = vf->port_guid;
	}
	d->node_guid = vf->given_node;
	d->port_guid = vf->given_port;
}

/* Notifies users of the device of a new table. With vhca_vfs_lock held. */
void vhca_notify_pkeys(struct vhca_vf *vf)
{
	struct ib_event ev = {
		.event = IB_EVENT_PKEY_CHANGE,
		.element.port_num = 1,
	};

	vf->pkeys_pending = !vf->dev;
	if (!vf->dev)
		return;
	ev.device = &vf->dev->ibdev;
	ib_dispatch_event(&ev);
}

static bool bad_vf(struct vhca_dev *d, int vf)
{
	return d->pf || vf < 0 || vf >= pci_num_vf(d->pdev);
}

static int vhca_set_vf_guid(struct ib_device *ibdev, int vf, u32 port,
			    u64 guid, int type)
{
	struct vhca_dev *d = to_vdev(ibdev);
	int err = 0;

	if (bad_vf(d, vf))
		return -EINVAL;
	mutex_lock(&vhca_vfs_lock);
	err = vhca_fault(&vhca_fail_guid);
	if (!err && vhca_guid_busy > 0) {
		vhca_guid_busy--;
		err = -EBUSY;
	}
	if (err || vhca_drop_guid)
		goto out;
	d->vfs[vf].guid_set = jiffies;
	d->vfs[vf].binds = 0;
	if (type == IFLA_VF_IB_NODE_GUID)
		d->vfs[vf].node_guid = guid;
	else if (type == IFLA_VF_IB_PORT_GUID)
		d->vfs[vf].port_guid = guid;
	else
		err = -EINVAL;
out:
	mutex_unlock(&vhca_vfs_lock);
	dev_info(&d->pdev->dev, "vf %d: set %s guid %016llx: %d\n", vf,
		 type == IFLA_VF_IB_NODE_GUID ? "node" : "port", guid, err);
	return err;
}

static int vhca_get_vf_guid(struct ib_device *ibdev, int vf, u32 port,
			    struct ifla_vf_guid *node, struct ifla_vf_guid *prt)
{
	struct vhca_dev *d = to_vdev(ibdev);

	if (bad_vf(d, vf))
		return -EINVAL;
	node->guid = d->vfs[vf].node_guid;
	prt->guid = d->vfs[vf].port_guid;
	return 0;
}

static int vhca_get_vf_config(struct ib_device *ibdev, int vf, u32 port,
			      struct ifla_vf_info *ivf)
{
	struct vhca_dev *d = to_vdev(ibdev);
	int err = vhca_fault(&vhca_fail_vfcfg);

	if (err)
		return err;
	if (bad_vf(d, vf))
		return -EINVAL;
	memset(ivf, 0, sizeof(*ivf));
	ivf->linkstate = d->vfs[vf].link;
	return 0;
}

static int vhca_set_vf_link_state(struct ib_device *ibdev, int vf, u32 port,
				  int state)
{
	struct vhca_dev *d = to_vdev(ibdev), *v;
	int err;

	if (bad_vf(d, vf) || state < 0 || state > IFLA_VF_LINK_STATE_DISABLE)
		return -EINVAL;
	mutex_lock(&vhca_vfs_lock);
	err = vhca_fault(&vhca_fail_link);
	if (!err && d->vfs[vf].link != state) {
		struct ib_event ev = {
			.event = state == IFLA_VF_LINK_STATE_DISABLE ?
				 IB_EVENT_PORT_ERR : IB_EVENT_PORT_ACTIVE,
			.element.port_num = 1,
		};

		WRITE_ONCE(d->vfs[vf].link, state);
		v = d->vfs[vf].dev;
		if (v) {
			ev.device = &v->ibdev;
			ib_dispatch_event(&ev);
		}
	}
	mutex_unlock(&vhca_vfs_lock);
	dev_info(&d->pdev->dev, "vf %d: link state %d: %d\n", vf, state, err);
	return err;
}

static int vhca_get_vf_stats(struct ib_device *ibdev, int vf, u32 port,
			     struct ifla_vf_stats *s)
{
	struct vhca_dev *d = to_vdev(ibdev), *v;

	if (bad_vf(d, vf))
		return -EINVAL;
	mutex_lock(&vhca_vfs_lock);
	v = d->vfs[vf].dev;
	if (v) {
		s->rx_packets = v->rx_packets;
		s->tx_packets = v->tx_packets;
		s->rx_bytes = v->rx_bytes;
		s->tx_bytes = v->tx_bytes;
	}
	mutex_unlock(&vhca_vfs_lock);
	return 0;
}

const struct ib_device_ops vhca_pf_ops = {
	.get_vf_config = vhca_get_vf_config,
	.get_vf_guid = vhca_get_vf_guid,
	.get_vf_stats = vhca_get_vf_stats,
	.set_vf_guid = vhca_set_vf_guid,
	.set_vf_link_state = vhca_set_vf_link_state,
};
