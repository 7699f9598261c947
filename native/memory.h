/*
 * The engine's memory: blocks are cut from an arena one after the other, and lists are kept of freed small ones to be
 * used again. A third of what an early refusal costs was spent in malloc(3), which is made for programs that live
 * longer; ours frees nothing at its end.
 */
#ifndef IB_SRIOV_MEMORY_H
#define IB_SRIOV_MEMORY_H

#include <quickjs/quickjs.h>

enum {
  /* Sizes of blocks, with their headers, are multiples of it, in bytes. */
  MEMORY_UNIT = 8,
  /* Once it is freed a block must hold a pointer. */
  MEMORY_LEAST_UNITS = 2,
  /* Up to that there is a list of freed blocks for each size. */
  MEMORY_SMALL_UNITS = 128,
  /* The list of freed blocks that are larger. No block is so small. */
  MEMORY_LARGE = 0,
};

/* What there is to give. */
struct memory {
  /* Blocks are cut from here. */
  unsigned char *next, *end;
  /* By size in units, and MEMORY_LARGE; a freed block holds the pointer to the next one. */
  void *freed[MEMORY_SMALL_UNITS + 1];
};

/* A runtime with this memory. NULL where there is none. */
JSRuntime *memory_new_runtime(void);

#ifndef IB_SRIOV_FREE_ALL

/* From now on blocks come from `heap` and from nowhere else, for the image that is to be taken of it. */
void memory_begin(unsigned char *heap, unsigned char *end);
/* What memory_resume needs, once the heap is what it shall be. Returns how far it is used. */
const unsigned char *memory_save(struct memory *saved);
/* Goes on with a heap as it was saved; what is new comes from elsewhere. */
void memory_resume(const struct memory *saved);

#endif
#endif
