// SPDX-License-Identifier: GPL-2.0
/*
 * Rings of work requests and completions that user space maps, with the layout
 * that rdma-core's provider for rxe expects (rdma/rdma_user_rxe.h).
 * User space can write to the whole ring at any time, so the size and this
 * side's index are kept outside, and every index that is read is masked.
 */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <rdma/uverbs_ioctl.h>

#include "queue.h"

/* Copies a response to user space, which may have given too small a buffer. */
int vhca_respond(struct ib_udata *udata, void *resp, size_t len)
{
	if (udata->outlen < len)
		return -EINVAL;
	return ib_copy_to_udata(udata, resp, len);
}

/*
 * Makes a ring for `entries` elements. One element always stays empty, because
 * equal indices mean that the ring is empty.
 */
struct vhca_queue *vhca_queue_create(struct ib_udata *udata, u32 entries,
				     u32 elem, struct mminfo *mi)
{
	struct vhca_uctx *u = rdma_udata_to_drv_context(udata, struct vhca_uctx,
							ibuctx);
	struct vhca_queue *q = kzalloc(sizeof(*q), GFP_KERNEL);
	size_t size;
	int err = -ENOMEM;

	if (!q)
		return ERR_PTR(-ENOMEM);
	q->mask = roundup_pow_of_two(entries + 1) - 1;
	q->shift = ilog2(roundup_pow_of_two(elem));
	size = PAGE_ALIGN(sizeof(*q->buf) + ((size_t)(q->mask + 1) << q->shift));
	q->buf = vmalloc_user(size);
	if (!q->buf)
		goto free;
	q->buf->log2_elem_size = q->shift;
	q->buf->index_mask = q->mask;
	err = rdma_user_mmap_entry_insert(&u->ibuctx, &q->entry, size);
	if (err)
		goto free;
	mi->offset = rdma_user_mmap_get_offset(&q->entry);
	mi->size = size;
	return q;
free:
	vfree(q->buf);
	kfree(q);
	return ERR_PTR(err);
}

/* A process that has mapped the ring keeps its pages, but no longer this ring. */
void vhca_queue_destroy(struct vhca_queue *q)
{
	if (!IS_ERR_OR_NULL(q))
		rdma_user_mmap_entry_remove(&q->entry);
}

static void vhca_mmap_free(struct rdma_user_mmap_entry *entry)
{
	struct vhca_queue *q = container_of(entry, struct vhca_queue, entry);

	vfree(q->buf);
	kfree(q);
}

static int vhca_mmap(struct ib_ucontext *u, struct vm_area_struct *vma)
{
	struct rdma_user_mmap_entry *entry = rdma_user_mmap_entry_get(u, vma);
	int err;

	if (!entry)
		return -EINVAL;
	err = remap_vmalloc_range(vma, container_of(entry, struct vhca_queue,
						    entry)->buf, 0);
	rdma_user_mmap_entry_put(entry);
	return err;
}

static void *element(struct vhca_queue *q, u32 index)
{
	return q->buf->data + ((size_t)index << q->shift);
}

/* Returns the next element that user space has produced, or NULL. */
const void *vhca_queue_next(struct vhca_queue *q)
{
	u32 producer = smp_load_acquire(&q->buf->producer_index) & q->mask;

	return producer == q->index ? NULL : element(q, q->index);
}

void vhca_queue_advance(struct vhca_queue *q)
{
	q->index = (q->index + 1) & q->mask;
	smp_store_release(&q->buf->consumer_index, q->index);
}

/* Returns how many elements user space has produced that are not consumed. */
u32 vhca_queue_length(struct vhca_queue *q)
{
	return (READ_ONCE(q->buf->producer_index) - q->index) & q->mask;
}

/* Consumes all elements without looking at them. */
void vhca_queue_clear(struct vhca_queue *q)
{
	q->index = READ_ONCE(q->buf->producer_index) & q->mask;
	smp_store_release(&q->buf->consumer_index, q->index);
}

/* Produces an element. Returns false if the ring is full. */
bool vhca_queue_push(struct vhca_queue *q, const void *e, size_t len)
{
	u32 next = (q->index + 1) & q->mask;

	if (next == (smp_load_acquire(&q->buf->consumer_index) & q->mask))
		return false;
	memcpy(element(q, q->index), e, len);
	q->index = next;
	smp_store_release(&q->buf->producer_index, next);
	return true;
}

const struct ib_device_ops vhca_queue_ops = {
	.mmap = vhca_mmap,
	.mmap_free = vhca_mmap_free,
};
