/*
 * The engine's memory: blocks are cut from an arena one after the other, and lists are kept of freed small ones to be
 * used again. A third of what an early refusal costs was spent in malloc(3), which is made for programs that live
 * longer; ours frees nothing at its end.
 */
#ifndef IB_SRIOV_MEMORY_H
#define IB_SRIOV_MEMORY_H

#include <quickjs/quickjs.h>

/* A runtime with this memory. NULL where there is none. */
JSRuntime *memory_new_runtime(void);

#ifndef IB_SRIOV_FREE_ALL

/* From now on blocks come from `heap` and from nowhere else, for the image that is to be taken of it. */
void memory_begin(unsigned char *heap, unsigned char *end);
/* How far it is used. */
const unsigned char *memory_end(void);

#endif
#endif
