// SPDX-License-Identifier: GPL-2.0
/* The small objects of the verbs interface, mostly without content. */
#include "fabric.h"
#include "queue.h"
#include "verbs.h"

static int vhca_alloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int vhca_dealloc_pd(struct ib_pd *pd, struct ib_udata *udata)
{
	return 0;
}

static int vhca_alloc_ucontext(struct ib_ucontext *u, struct ib_udata *udata)
{
	return 0;
}

static void vhca_dealloc_ucontext(struct ib_ucontext *u)
{
}

static void vhca_disassociate_ucontext(struct ib_ucontext *u)
{
}

static void forget_ah(struct vhca_ah *ah)
{
	xa_erase(&to_vdev(ah->ibah.device)->ahs, ah->num);
	vhca_fabric_barrier();
}

static int vhca_create_ah(struct ib_ah *ibah, struct rdma_ah_init_attr *init,
			  struct ib_udata *udata)
{
	struct vhca_dev *d = to_vdev(ibah->device);
	struct vhca_ah *ah = to_vah(ibah);
	struct rxe_create_ah_resp resp = {};
	int err;

	ah->attr = *init->ah_attr;
	if (!udata)
		return 0;
	err = xa_alloc_cyclic(&d->ahs, &ah->num, ah, xa_limit_31b, &d->next_ah,
			      GFP_KERNEL);
	if (err < 0)
		return err;
	resp.ah_num = ah->num;
	err = vhca_respond(udata, &resp, sizeof(resp));
	if (err)
		forget_ah(ah);
	return err;
}

/* Returns an address handle of user space, or NULL. */
struct vhca_ah *vhca_ah_by_num(struct vhca_dev *d, u32 num)
{
	lockdep_assert_held(&vhca_fabric_lock);
	return xa_load(&d->ahs, num);
}

static int vhca_query_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr)
{
	*attr = to_vah(ibah)->attr;
	return 0;
}

static int vhca_destroy_ah(struct ib_ah *ibah, u32 flags)
{
	if (to_vah(ibah)->num)
		forget_ah(to_vah(ibah));
	return 0;
}

const struct ib_device_ops vhca_verbs_ops = {
	.alloc_pd = vhca_alloc_pd,
	.alloc_ucontext = vhca_alloc_ucontext,
	.create_ah = vhca_create_ah,
	.create_user_ah = vhca_create_ah,
	.dealloc_pd = vhca_dealloc_pd,
	.dealloc_ucontext = vhca_dealloc_ucontext,
	.destroy_ah = vhca_destroy_ah,
	.disassociate_ucontext = vhca_disassociate_ucontext,
	.query_ah = vhca_query_ah,

	INIT_RDMA_OBJ_SIZE(ib_ah, vhca_ah, ibah),
	INIT_RDMA_OBJ_SIZE(ib_pd, vhca_pd, ibpd),
	INIT_RDMA_OBJ_SIZE(ib_ucontext, vhca_uctx, ibuctx),
};
