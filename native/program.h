/* Programs: scripts that were compiled at build time, in pieces (scripts/pieces.mjs, scripts/compile.c). */
#ifndef IB_SRIOV_PROGRAM_H
#define IB_SRIOV_PROGRAM_H

#include <quickjs/quickjs.h>
#include <stddef.h>
#include <stdint.h>

/* A top-level declaration that is evaluated when its name is first used. */
struct piece {
  const char *name;
  const uint8_t *bytecode;
  size_t length;
};

struct program {
  const char *name;
  /* What is evaluated at the start. */
  const uint8_t *rest;
  size_t rest_length;
  /* Sorted by name. */
  const struct piece *pieces;
  size_t count;
};

/* All of them, ended by NULL; the first one is main. Generated: programs.c. */
extern const struct program *const programs[];

/* Evaluates a program by its name; each at most once. Returns undefined or JS_EXCEPTION. */
JSValue program_load(JSContext *context, const char *name);
/* Frees what is kept for the life of the process. */
void program_end(JSContext *context);

#endif
