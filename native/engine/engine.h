/* The JavaScript engine: one context for the whole run of the process. */
#ifndef IB_SRIOV_ENGINE_H
#define IB_SRIOV_ENGINE_H

#include <quickjs/quickjs.h>
#include <stdbool.h>

/* Returns a context with the intrinsics that the program uses, and `host`. NULL if memory is short. */
JSContext *engine_start(void);
/*
 * Evaluates a script's bytecode and returns the global variable that the script sets. JS_EXCEPTION if the bytecode is
 * invalid, or if the script throws.
 */
JSValue engine_evaluate(JSContext *context, const uint8_t *bytecode, size_t length, const char *variable);

/* Returns the exit status for the program's result. If the program threw an exception, reports it. */
int engine_finish(JSContext *context, JSValue result);
/* Frees everything, so that the sanitizers find leaks. */
void engine_end(JSContext *context);

/* report.c: */

/* Prints the pending exception as a CNI error object on stdout, or on stderr if stdout already has output. */
void engine_report(JSContext *context);
/* Prints such an error object from texts, without an engine. */
void engine_report_text(const char *message, const char *details);

#endif
