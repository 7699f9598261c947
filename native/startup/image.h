/*
 * The image: the executable's data contains the engine's memory after the program's evaluation. A call does not start
 * an engine and does not evaluate the program, but continues from the image. This is possible because the executable is
 * static and not position-independent: pointers into the executable and into its memory stay valid. Without the image,
 * VERSION takes 31 times as long, and an ADD that fails early 14 times (`make ablation`).
 */
#ifndef IB_SRIOV_IMAGE_H
#define IB_SRIOV_IMAGE_H

#include "engine.h"

/*
 * Returns the program's function `main`, which the caller frees, and its context in *context. JS_EXCEPTION if the
 * program cannot be evaluated; *context is NULL if the engine cannot start.
 */
JSValue image_start(JSContext **context);

/* Reports whether the image has been taken. Before that, the executable can only take the image. */
bool image_is_taken(void);
/* Evaluates the program and writes the image to stdout. Returns the exit status. */
int image_take(void);

#endif
