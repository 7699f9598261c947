/*
 * The engine's memory: one arena from which blocks are cut one after the other, and lists of freed small ones to be
 * used again. A third of what an early refusal costs was spent in malloc(3), which is made for programs that live
 * longer; ours frees nothing at its end. What the arena has no room for comes from malloc after all.
 */
#include "engine.h"

#ifdef IB_SRIOV_FREE_ALL

/* The sanitizers must see each block. */
JSRuntime *engine_new_runtime(void)
{
  return JS_NewRuntime();
}

#else

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * A block is a header with its capacity, then what the caller gets, which is aligned to 16 bytes as malloc's is.
 * An ADD needs less than 1 MiB; pages of the arena that are never touched cost nothing.
 */
enum { HEADER = 8, UNIT = 16, SMALL_UNITS = 64, ARENA = 2 * 1024 * 1024 };

static _Alignas(UNIT) unsigned char arena[ARENA];
static size_t used = UNIT - HEADER;
/* By size in units; a freed block holds the pointer to the next one. */
static void *freed[SMALL_UNITS + 1];

static uint64_t *header(void *block)
{
  return (uint64_t *)((unsigned char *)block - HEADER);
}

static size_t usable_size(const void *block)
{
  return block == NULL ? 0 : *header((void *)block);
}

static bool is_in_arena(const void *block)
{
  return (const unsigned char *)block >= arena && (const unsigned char *)block < arena + ARENA;
}

/* Is it the last one that was cut, so that it can grow? */
static bool is_last(void *block)
{
  return (unsigned char *)block + usable_size(block) == arena + used;
}

static void *take(size_t units)
{
  const size_t bytes = units * UNIT;
  unsigned char *block;
  if (units <= SMALL_UNITS && freed[units] != NULL) {
    block = freed[units];
    memcpy(&freed[units], block, sizeof freed[units]);
    return block;
  }
  if (bytes <= ARENA - used) {
    block = arena + used + HEADER;
    used += bytes;
  } else {
    unsigned char *whole = malloc(bytes + UNIT);
    if (whole == NULL)
      return NULL;
    block = whole + UNIT;
  }
  *header(block) = bytes - HEADER;
  return block;
}

static void give_back(void *block)
{
  const size_t units = (usable_size(block) + HEADER) / UNIT;
  if (!is_in_arena(block)) {
    free((unsigned char *)block - UNIT);
  } else if (units <= SMALL_UNITS) {
    memcpy(block, &freed[units], sizeof freed[units]);
    freed[units] = block;
  } else if (is_last(block)) {
    used -= units * UNIT;
  }
}

/* Would the engine hold more than it may, if so many bytes came on top? */
static bool exceeds(const JSMallocState *state, size_t more)
{
  return more > state->malloc_limit || state->malloc_size > state->malloc_limit - more;
}

static void *engine_malloc(JSMallocState *state, size_t size)
{
  if (size > SIZE_MAX / 2 || exceeds(state, size))
    return NULL;
  void *block = take((size + HEADER + UNIT - 1) / UNIT);
  if (block == NULL)
    return NULL;
  state->malloc_count++;
  state->malloc_size += usable_size(block);
  return block;
}

static void engine_free(JSMallocState *state, void *block)
{
  if (block == NULL)
    return;
  state->malloc_count--;
  state->malloc_size -= usable_size(block);
  give_back(block);
}

static void *engine_realloc(JSMallocState *state, void *block, size_t size)
{
  if (block == NULL)
    return size == 0 ? NULL : engine_malloc(state, size);
  if (size == 0) {
    engine_free(state, block);
    return NULL;
  }
  const size_t old = usable_size(block);
  if (size <= old)
    return block;
  const size_t more = (size - old + UNIT - 1) / UNIT * UNIT;
  if (is_in_arena(block) && is_last(block) && more <= ARENA - used && !exceeds(state, more)) {
    used += more;
    *header(block) = old + more;
    state->malloc_size += more;
    return block;
  }
  void *bigger = engine_malloc(state, size);
  if (bigger == NULL)
    return NULL;
  memcpy(bigger, block, old);
  engine_free(state, block);
  return bigger;
}

JSRuntime *engine_new_runtime(void)
{
  static const JSMallocFunctions functions = {engine_malloc, engine_free, engine_realloc, usable_size};
  return JS_NewRuntime2(&functions, NULL);
}

#endif
