// SPDX-License-Identifier: GPL-2.0
/*
 * The counters of a port, as the performance management agent of a device
 * reports them: the kernel reads them for sysfs (InfiniBand specification,
 * volume 1, 16.1).
 */
#include <rdma/ib_mad.h>
#include <rdma/ib_pma.h>

#include "device.h"

/* Data is counted in units of 4 bytes. */
#define VHCA_DATA_SHIFT	2

static void vhca_port_counters(const struct vhca_dev *d,
			       struct ib_pma_portcounters_ext *c)
{
	c->port_rcv_packets = cpu_to_be64(d->rx_packets);
	c->port_rcv_data = cpu_to_be64(d->rx_bytes >> VHCA_DATA_SHIFT);
	c->port_xmit_packets = cpu_to_be64(d->tx_packets);
	c->port_xmit_data = cpu_to_be64(d->tx_bytes >> VHCA_DATA_SHIFT);
}

static int vhca_process_mad(struct ib_device *ibdev, int flags, u32 port,
			    const struct ib_wc *wc, const struct ib_grh *grh,
			    const struct ib_mad *in, struct ib_mad *out,
			    size_t *out_size, u16 *out_pkey_index)
{
	void *data = ((struct ib_pma_mad *)out)->data;
	struct ib_class_port_info info = {
		.base_version = IB_MGMT_BASE_VERSION,
		.class_version = 1,
		.capability_mask = IB_PMA_CLASS_CAP_EXT_WIDTH,
	};

	if (in->mad_hdr.mgmt_class != IB_MGMT_CLASS_PERF_MGMT ||
	    in->mad_hdr.method != IB_MGMT_METHOD_GET)
		return IB_MAD_RESULT_SUCCESS;
	memset(out, 0, sizeof(*out));
	out->mad_hdr = in->mad_hdr;
	out->mad_hdr.method = IB_MGMT_METHOD_GET_RESP;
	if (in->mad_hdr.attr_id == IB_PMA_CLASS_PORT_INFO)
		memcpy(data, &info, sizeof(info));
	else if (in->mad_hdr.attr_id == IB_PMA_PORT_COUNTERS_EXT)
		vhca_port_counters(to_vdev(ibdev), data);
	else if (in->mad_hdr.attr_id != IB_PMA_PORT_COUNTERS)
		return IB_MAD_RESULT_FAILURE;
	return IB_MAD_RESULT_SUCCESS | IB_MAD_RESULT_REPLY;
}

const struct ib_device_ops vhca_counter_ops = {
	.process_mad = vhca_process_mad,
};

void vhca_count_rx(struct vhca_dev *d, size_t len)
{
	for (; d; d = d->pf) {
		d->rx_packets++;
		d->rx_bytes += len;
	}
}

void vhca_count_tx(struct vhca_dev *d, size_t len)
{
	for (; d; d = d->pf) {
		d->tx_packets++;
		d->tx_bytes += len;
	}
}
