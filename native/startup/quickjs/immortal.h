/*
 * Immortal values. The values of the image (native/startup/image.h) are never freed, so their references need not be
 * counted. Counting is a write, and the first write to a page of the image makes the kernel copy the page: an ADD would
 * write to 150 of the 300 pages, most of them only to count. CPython does the same, for the same reason (PEP 683).
 * Without it, ADD and DEL beyond the floor take 1.15 times as long (docs/explanation/performance.md), VERSION 1.18 times,
 * and an ADD that fails early 1.42 times (`make ablation`).
 *
 * scripts/libraries changes the engine, and all code that includes its header, to count with these macros.
 */
#ifndef IB_SRIOV_IMMORTAL_H
#define IB_SRIOV_IMMORTAL_H

/* A count from here on does not change. The engine's constant strings begin with a lower count (INT32_MAX / 2). */
#define IMMORTAL (1 << 30)
#define REFERENCE(count) ((count) < IMMORTAL ? ++(count) : (count))
#define RELEASE(count) ((count) < IMMORTAL ? --(count) : (count))

struct JSContext;

/*
 * Makes all values immortal, makes room in the engine's tables, which are copied when they grow, and clears the address
 * of the stack. JS_RunGC must not be called after that. Returns false if memory is short.
 */
int immortal_make_all(struct JSContext *context);

#endif
