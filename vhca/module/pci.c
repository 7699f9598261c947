// SPDX-License-Identifier: GPL-2.0
/* Binds PCI functions; creates and removes VFs through sriov_numvfs. */
#include <linux/delay.h>
#include <linux/idr.h>
#include <linux/module.h>

#include "fabric.h"
#include "hca.h"
#include "memory.h"
#include "queue.h"
#include "user.h"
#include "verbs.h"

#ifndef PCI_CLASS_NETWORK_INFINIBAND
#define PCI_CLASS_NETWORK_INFINIBAND	0x0207
#endif

static DEFINE_IDA(vhca_ids);

static int vhca_register(struct vhca_dev *d)
{
	int err;

	vhca_attach_port(d);
	/* No DMA device: work requests then carry kernel virtual addresses. */
	err = ib_register_device(&d->ibdev, vhca_devname, NULL);
	if (err) {
		vhca_detach_port(d);
		return err;
	}
	d->registered = true;
	if (d->pf) {
		mutex_lock(&vhca_vfs_lock);
		d->pf->vfs[d->vf].dev = d;
		/* IPoIB may have read the pkey table before it was set. */
		if (d->pf->vfs[d->vf].pkeys_pending)
			vhca_notify_pkeys(&d->pf->vfs[d->vf]);
		mutex_unlock(&vhca_vfs_lock);
	}
	dev_info(&d->pdev->dev, "%s: %s %d guid %016llx/%016llx lid %d\n",
		 dev_name(&d->ibdev.dev), d->pf ? "vf" : "pf", d->vf,
		 d->node_guid, d->port_guid, d->lid);
	return 0;
}

static void vhca_late_register(struct work_struct *w)
{
	struct vhca_dev *d = container_of(w, struct vhca_dev, reg.work);
	int err = vhca_register(d);

	if (err)
		dev_err(&d->pdev->dev, "registration failed: %d\n", err);
}

static int vhca_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vhca_dev *d, *pf = NULL;
	int err, vf = -1;

	if (pdev->is_virtfn) {
		struct pci_dev *phys = pci_physfn(pdev);

		if (phys->driver != &vhca_driver)
			return -ENODEV;
		pf = pci_get_drvdata(phys);
		vf = pci_iov_vf_id(pdev);
		if (!pf || vf < 0 || vf >= VHCA_MAX_VFS)
			return -ENODEV;
		if (vhca_probe_delay_ms)
			msleep(vhca_probe_delay_ms);
		err = vhca_fault(&vhca_fail_probe);
		if (err)
			return err;
	}
	err = pci_enable_device(pdev);
	if (err)
		return err;
	d = ib_alloc_device(vhca_dev, ibdev);
	if (!d) {
		err = -ENOMEM;
		goto disable;
	}
	d->pdev = pdev;
	d->pf = pf;
	d->vf = vf;
	INIT_LIST_HEAD(&d->qps);
	xa_init_flags(&d->mrs, XA_FLAGS_ALLOC);
	xa_init_flags(&d->ahs, XA_FLAGS_ALLOC1);
	d->id = ida_alloc_max(&vhca_ids, 0x7fff, GFP_KERNEL);
	if (d->id < 0) {
		err = d->id;
		goto dealloc;
	}
	d->lid = d->id + VHCA_SM_LID + 1;
	if (pf) {
		mutex_lock(&vhca_vfs_lock);
		vhca_take_guids(&pf->vfs[vf], d);
		mutex_unlock(&vhca_vfs_lock);
	} else {
		d->node_guid = d->port_guid = vhca_pf_guid | pdev->bus->number << 8;
	}
	pci_set_drvdata(pdev, d);
	if (vhca_disguise) {
		pdev->vendor = PCI_VENDOR_ID_MELLANOX;
		pdev->device = pf ? 0x101c : 0x101b;
		pdev->class = PCI_CLASS_NETWORK_INFINIBAND << 8;
	}

	d->ibdev.node_type = RDMA_NODE_IB_CA;
	d->ibdev.phys_port_cnt = clamp(vhca_port_count, 1, 2);
	d->ibdev.num_comp_vectors = 1;
	d->ibdev.node_guid = cpu_to_be64(d->node_guid);
	d->ibdev.dev.parent = &pdev->dev;
	strscpy(d->ibdev.node_desc, "vhca", sizeof(d->ibdev.node_desc));
	ib_set_device_ops(&d->ibdev, &vhca_port_ops);
	ib_set_device_ops(&d->ibdev, &vhca_verbs_ops);
	ib_set_device_ops(&d->ibdev, &vhca_qp_ops);
	ib_set_device_ops(&d->ibdev, &vhca_cq_ops);
	ib_set_device_ops(&d->ibdev, &vhca_counter_ops);
	ib_set_device_ops(&d->ibdev, &vhca_mr_ops);
	ib_set_device_ops(&d->ibdev, &vhca_queue_ops);
	ib_set_device_ops(&d->ibdev, &vhca_srq_ops);
	d->ibdev.uverbs_cmd_mask |= BIT_ULL(IB_USER_VERBS_CMD_POST_SEND) |
				    BIT_ULL(IB_USER_VERBS_CMD_REQ_NOTIFY_CQ);
	if (!pf)
		ib_set_device_ops(&d->ibdev, &vhca_pf_ops);

	INIT_DELAYED_WORK(&d->reg, vhca_late_register);
	if (pf && vhca_late_ms > 0) {
		schedule_delayed_work(&d->reg, msecs_to_jiffies(vhca_late_ms));
		return 0;
	}
	err = vhca_register(d);
	if (!err)
		return 0;

	pci_set_drvdata(pdev, NULL);
	ida_free(&vhca_ids, d->id);
dealloc:
	ib_dealloc_device(&d->ibdev);
disable:
	pci_disable_device(pdev);
	return err;
}

static void vhca_remove(struct pci_dev *pdev)
{
	struct vhca_dev *d = pci_get_drvdata(pdev);

	if (!d->pf)
		pci_disable_sriov(pdev);
	else if (vhca_remove_delay_ms)
		msleep(vhca_remove_delay_ms);
	cancel_delayed_work_sync(&d->reg);
	if (d->registered) {
		if (d->pf) {
			mutex_lock(&vhca_vfs_lock);
			d->pf->vfs[d->vf].dev = NULL;
			mutex_unlock(&vhca_vfs_lock);
		}
		ib_unregister_device(&d->ibdev);
		vhca_detach_port(d);
	}
	pci_set_drvdata(pdev, NULL);
	ida_free(&vhca_ids, d->id);
	ib_dealloc_device(&d->ibdev);
	pci_disable_device(pdev);
}

static int vhca_sriov_configure(struct pci_dev *pdev, int num)
{
	struct vhca_dev *d = pci_get_drvdata(pdev);
	int err;

	err = vhca_fault(&vhca_fail_sriov);
	if (err)
		return err;
	if (!num) {
		if (pci_vfs_assigned(pdev))
			return -EBUSY;
		pci_disable_sriov(pdev);
		return 0;
	}
	if (num > VHCA_MAX_VFS)
		return -EINVAL;
	vhca_vfs_init(d);
	err = pci_enable_sriov(pdev, num);
	return err ? err : num;
}

static const struct pci_device_id vhca_ids_table[] = {
	{ PCI_VDEVICE(INTEL, 0x10c9) },		/* 82576 PF */
	{ PCI_VDEVICE(INTEL, 0x10ca) },		/* 82576 VF */
	/* the same functions with `disguise`; a new VF has its PF's vendor */
	{ PCI_VDEVICE(MELLANOX, 0x101b) },
	{ PCI_VDEVICE(MELLANOX, 0x101c) },
	{ PCI_VDEVICE(MELLANOX, 0x10ca) },
	{ }
};

struct pci_driver vhca_driver = {
	.id_table = vhca_ids_table,
	.probe = vhca_probe,
	.remove = vhca_remove,
	.sriov_configure = vhca_sriov_configure,
};

static int __init vhca_init(void)
{
	int err = vhca_sa_init();

	if (err)
		return err;
	err = ib_register_client(&vhca_client);
	if (err)
		goto sa;
	vhca_driver.name = vhca_drvname;
	err = pci_register_driver(&vhca_driver);
	if (!err)
		return 0;
	ib_unregister_client(&vhca_client);
sa:
	vhca_sa_exit();
	return err;
}

static void __exit vhca_exit(void)
{
	pci_unregister_driver(&vhca_driver);
	ib_unregister_client(&vhca_client);
	vhca_sa_exit();
}

module_init(vhca_init);
module_exit(vhca_exit);
/* No MODULE_DEVICE_TABLE: udev must never load the module for a real NIC. */
MODULE_DESCRIPTION("virtual InfiniBand SR-IOV HCA, for tests only");
MODULE_LICENSE("GPL");
