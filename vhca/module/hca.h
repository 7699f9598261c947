/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs of queue pairs, and the driver. */
#ifndef VHCA_HCA_H
#define VHCA_HCA_H

#include <linux/pci.h>
#include <rdma/ib_verbs.h>

extern const struct ib_device_ops vhca_qp_ops;	/* qp.c */
extern struct pci_driver vhca_driver;		/* pci.c */

#endif
