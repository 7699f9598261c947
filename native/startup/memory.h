/*
 * The engine's memory: blocks are taken from an arena one after the other, and freed blocks are kept in lists for
 * reuse. With malloc(3), which is made for programs that run longer, VERSION takes 1.22 times as long, and an ADD that
 * fails early 1.32 times (`make ablation`). Nothing is freed at the end of the process.
 */
#ifndef IB_SRIOV_MEMORY_H
#define IB_SRIOV_MEMORY_H

#include <quickjs/quickjs.h>

/* Returns a runtime that uses this memory; NULL if memory is short. */
JSRuntime *memory_new_runtime(void);

#ifndef IB_SRIOV_FREE_ALL

/* Takes all further blocks from `heap`, so that they become part of the image. */
void memory_begin(unsigned char *heap, unsigned char *end);
/* Returns the end of the used part of the heap. */
const unsigned char *memory_end(void);

#endif
#endif
