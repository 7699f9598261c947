/*
 * The image: the engine's memory, as it is once the program has been evaluated, lies in the executable's data. A call
 * starts neither an engine nor a program; it goes on from there. That is possible because the executable is static
 * and not position-independent: what points into it or into its memory stays true.
 */
#ifndef IB_SRIOV_IMAGE_H
#define IB_SRIOV_IMAGE_H

#include "engine.h"

/*
 * The program, ready to be run: its function `main`, which is the caller's to free, and in *context where it lives.
 * JS_EXCEPTION where it cannot be had, with *context NULL where there is not even an engine.
 */
JSValue image_start(JSContext **context);

/* Has the image been taken? Before that, the executable can do nothing else. */
bool image_is_taken(void);
/* Evaluates the program and writes the image to stdout. Returns the exit status. */
int image_take(void);

#endif
