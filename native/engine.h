/* The JavaScript engine: one context that lives as long as the process. */
#ifndef IB_SRIOV_ENGINE_H
#define IB_SRIOV_ENGINE_H

#include <quickjs/quickjs.h>
#include <stdbool.h>

/* A context with what `main` needs: the base objects, JSON, and `host`. NULL where memory is short. */
JSContext *engine_start(void);

enum engine_intrinsic { ENGINE_REGEXP, ENGINE_COLLECTIONS, ENGINE_BYTES };
/* Adds what else a program may use: RegExp; Map and Set; typed arrays and DataView. Again: nothing happens. */
void engine_add(JSContext *context, enum engine_intrinsic which);
/* Adds what a global variable belongs to that is not there yet. False where it belongs to nothing of that. */
bool engine_add_for(JSContext *context, const char *name);
/* The exit status, now that the program has run to this result. What it threw is reported. */
int engine_finish(JSContext *context, JSValue result);
/* Frees everything, so that the sanitizers see what leaked. */
void engine_end(JSContext *context);

/* memory.c: */

/* A runtime with memory that is quick to come by. NULL where there is none. */
JSRuntime *engine_new_runtime(void);

/* report.c: */

/* Turns the pending exception into a CNI error object on stdout (on stderr where stdout has been used). */
void engine_report(JSContext *context);
/* The same where there is no engine to ask. */
void engine_report_text(const char *message, const char *details);

#endif
