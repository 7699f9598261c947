/*
 * Runs programs. What a program declares at its top level is global, and most of it is not there at first: when the
 * engine does not find a global variable, it asks the global object's prototype, which is ours, and which looks for a
 * piece of that name and evaluates it. So the time to start does not grow with the program.
 */
#include "program.h"
#include "engine.h"
#include "host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The program that pieces are looked for in, and which of them have been evaluated. */
static const struct program *current;
static bool *evaluated;

static JSValue evaluate(JSContext *context, const uint8_t *bytecode, size_t length)
{
  JSValue function = JS_ReadObject(context, bytecode, length, JS_READ_OBJ_BYTECODE);
  return JS_IsException(function) ? function : JS_EvalFunction(context, function);
}

static int compare(const void *name, const void *piece)
{
  return strcmp(name, ((const struct piece *)piece)->name);
}

/* Makes the global variable of that name: 1, or 0 where there is none to be made, or -1 where that threw. */
static int make_global(JSContext *context, JSAtom atom)
{
  const char *name = JS_AtomToCString(context, atom);
  if (name == NULL)
    return -1;
  const bool added = engine_add_for(context, name);
  const struct piece *piece =
    added ? NULL : bsearch(name, current->pieces, current->count, sizeof *piece, compare);
  JS_FreeCString(context, name);
  if (piece == NULL || evaluated[piece - current->pieces])
    return added;
  /* Marked before it is: from then on it is a property of the global object and found there. */
  evaluated[piece - current->pieces] = true;
  JSValue result = evaluate(context, piece->bytecode, piece->length);
  if (JS_IsException(result)) {
    /* Out of memory, say; it can be tried again. */
    evaluated[piece - current->pieces] = false;
    return -1;
  }
  JS_FreeValue(context, result);
  return 1;
}

/* Called by the engine for a global variable that is not there. */
static int get_own_property(JSContext *context, JSPropertyDescriptor *property, JSValueConst object, JSAtom atom)
{
  int made = make_global(context, atom);
  if (made <= 0 || property == NULL)
    return made;
  JSValue global = JS_GetGlobalObject(context);
  property->flags = JS_PROP_C_W_E;
  property->value = JS_GetProperty(context, global, atom);
  property->getter = JS_UNDEFINED;
  property->setter = JS_UNDEFINED;
  JS_FreeValue(context, global);
  return JS_IsException(property->value) ? -1 : 1;
}

/* Puts our object between the global object and its prototype. */
static bool install_lookup(JSContext *context)
{
  static JSClassExoticMethods methods = {.get_own_property = get_own_property};
  static const JSClassDef definition = {.class_name = "Pieces", .exotic = &methods};
  static JSClassID class;
  JS_NewClassID(&class);
  if (JS_NewClass(JS_GetRuntime(context), class, &definition) < 0)
    return false;
  JSValue global = JS_GetGlobalObject(context);
  JSValue prototype = JS_GetPrototype(context, global);
  JSValue lookup = JS_NewObjectProtoClass(context, prototype, class);
  int done = JS_IsException(lookup) ? -1 : JS_SetPrototype(context, global, lookup);
  JS_FreeValue(context, lookup);
  JS_FreeValue(context, prototype);
  JS_FreeValue(context, global);
  return done >= 0;
}

JSValue program_load(JSContext *context, const char *name)
{
  const struct program *const *program = programs;
  while (*program != NULL && strcmp((*program)->name, name) != 0)
    program++;
  if (*program == NULL)
    return host_throw(context, ENOENT, "load", name);
  /* Their names are all global, so one program can be loaded by another that has no pieces, and that is all. */
  if (current != NULL && (current->count > 0 || current == *program))
    return host_throw(context, EEXIST, "load", name);
  current = *program;
  if (current->count > 0) {
    evaluated = js_mallocz(context, current->count * sizeof *evaluated);
    engine_add(context, ENGINE_REGEXP);
    if (evaluated == NULL || !install_lookup(context))
      return JS_EXCEPTION;
  }
  return evaluate(context, current->rest, current->rest_length);
}

void program_end(JSContext *context)
{
  js_free(context, evaluated);
}
