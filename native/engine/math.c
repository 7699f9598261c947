/*
 * Replacements for functions of the C library that the engine's Math refers to and that the program does not use
 * (scripts/absent.mjs refuses them). This saves 250 KB, most of it the same functions for different processors.
 */
#include <math.h>

#define ABSENT(name) double name(double x) { return (double)NAN + x; }
#define ABSENT_OF_TWO(name) double name(double x, double y) { return (double)NAN + x + y; }

ABSENT(acos) ABSENT(acosh) ABSENT(asin) ABSENT(asinh) ABSENT(atan) ABSENT(atanh) ABSENT(cbrt) ABSENT(cos) ABSENT(cosh)
ABSENT(exp) ABSENT(expm1) ABSENT(log) ABSENT(log10) ABSENT(log1p) ABSENT(log2) ABSENT(sin) ABSENT(sinh) ABSENT(tan)
ABSENT(tanh)
ABSENT_OF_TWO(atan2) ABSENT_OF_TWO(hypot)
