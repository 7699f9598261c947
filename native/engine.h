/* The JavaScript engine: one context that lives as long as the process. */
#ifndef IB_SRIOV_ENGINE_H
#define IB_SRIOV_ENGINE_H

#include <quickjs/quickjs.h>
#include <stdbool.h>

/* A context with what the program uses, and `host`. NULL where memory is short. */
JSContext *engine_start(void);
/*
 * Evaluates a script's bytecode and gives the global variable that it sets. JS_EXCEPTION where the bytecode is none, or
 * the script throws.
 */
JSValue engine_evaluate(JSContext *context, const uint8_t *bytecode, size_t length, const char *variable);

/* The exit status, now that the program has run to this result. What it threw is reported. */
int engine_finish(JSContext *context, JSValue result);
/* Frees everything, so that the sanitizers see what leaked. */
void engine_end(JSContext *context);

/* report.c: */

/* Turns the pending exception into a CNI error object on stdout (on stderr where stdout has been used). */
void engine_report(JSContext *context);
/* The same where there is no engine to ask. */
void engine_report_text(const char *message, const char *details);

#endif
