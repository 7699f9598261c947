/* Compiled as the end of the engine's quickjs.c (scripts/libraries), because it needs the engine's structures. */

/*
 * Free places that the image leaves in each of the engine's tables of shapes and atoms. A call that needs more copies the
 * table.
 */
enum { ROOM = 200 };

static void immortal_value(JSValue value)
{
  if (JS_VALUE_GET_TAG(value) == JS_TAG_STRING)
    JS_VALUE_GET_STRING(value)->header.ref_count = IMMORTAL;
}

static void immortal_values(const JSValue *values, size_t count)
{
  for (size_t i = 0; i < count; i++)
    immortal_value(values[i]);
}

static void immortal_object(const JSObject *object)
{
  const JSShapeProperty *property = get_shape_prop(object->shape);
  for (int i = 0; i < object->shape->prop_count; i++)
    if ((property[i].flags & JS_PROP_TMASK) == JS_PROP_NORMAL)
      immortal_value(object->prop[i].u.value);
  if (object->class_id == JS_CLASS_ARRAY && object->fast_array)
    immortal_values(object->u.array.u.values, object->u.array.count);
}

/* The engine has no list of its strings, so they are found through objects. A string that is not found stays mortal. */
static void immortal_collectable(JSGCObjectHeader *header)
{
  /* An object with an unshared shape changes the shape in place, and requires that its reference count is 1. */
  if (header->gc_obj_type == JS_GC_OBJ_TYPE_SHAPE && !((JSShape *)header)->is_hashed)
    return;
  header->ref_count = IMMORTAL;
  if (header->gc_obj_type == JS_GC_OBJ_TYPE_JS_OBJECT) {
    immortal_object((JSObject *)header);
  } else if (header->gc_obj_type == JS_GC_OBJ_TYPE_FUNCTION_BYTECODE) {
    const JSFunctionBytecode *function = (JSFunctionBytecode *)header;
    immortal_values(function->cpool, (size_t)function->cpool_count);
  } else if (header->gc_obj_type == JS_GC_OBJ_TYPE_VAR_REF) {
    immortal_value(*((JSVarRef *)header)->pvalue);
  }
}

static int make_room(JSContext *context)
{
  JSRuntime *runtime = context->rt;
  JSAtom atoms[ROOM];
  int made = 0;
  while (2 * (runtime->shape_hash_count + ROOM) > runtime->shape_hash_size)
    if (resize_shape_hash(runtime, runtime->shape_hash_bits + 1))
      return FALSE;
  for (; made < ROOM; made++) {
    char name[16];
    snprintf(name, sizeof name, "room %d", made);
    if ((atoms[made] = JS_NewAtom(context, name)) == JS_ATOM_NULL)
      break;
  }
  for (int i = 0; i < made; i++)
    JS_FreeAtom(context, atoms[i]);
  return made == ROOM;
}

int immortal_make_all(struct JSContext *context)
{
  JSRuntime *runtime = context->rt;
  struct list_head *each;
  if (!make_room(context))
    return FALSE;
  list_for_each(each, &runtime->gc_obj_list)
    immortal_collectable(list_entry(each, JSGCObjectHeader, link));
  for (int i = 0; i < runtime->atom_size; i++)
    if (!atom_is_free(runtime->atom_array[i]))
      runtime->atom_array[i]->header.ref_count = IMMORTAL;
  /* The stack's address differs between processes; JS_UpdateStackTop sets it again. */
  runtime->stack_top = runtime->stack_limit = 0;
  return TRUE;
}
