/*
 * Immortal values. What is in the image (native/image.h) is never freed, so nobody needs to know how often it is referred
 * to. That matters because a count is a write, and the first write to a page of the image has the kernel copy it: an ADD
 * wrote to 160 of the 200 pages, for no more than that. CPython does the same, for the same reason (PEP 683).
 *
 * scripts/libraries has the engine, and all that includes its header, count with these macros.
 */
#ifndef IB_SRIOV_IMMORTAL_H
#define IB_SRIOV_IMMORTAL_H

/* From this count on it stays what it is. The engine's own constant strings begin at less (INT32_MAX / 2). */
#define IMMORTAL (1 << 30)
#define REFERENCE(count) ((count) < IMMORTAL ? ++(count) : (count))
#define RELEASE(count) ((count) < IMMORTAL ? --(count) : (count))

struct JSContext;

/*
 * Makes all that there is immortal, and room in the engine's tables, which are written anew when they grow; and forgets
 * where the stack is. Nothing must be collected (JS_RunGC) after that. Returns whether there was memory enough.
 */
int immortal_make_all(struct JSContext *context);

#endif
