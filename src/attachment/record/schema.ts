// Schemas of JSON values. A schema checks a value at run time and gives its type at compile time, so that a member of a
// record is described once. A schema library would do the same, but every DEL reads a record, and would pay for its
// start-up.
import { isObject } from "../../cni/document.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import { parsePciAddress } from "../../node/pci-address.ts";

/** Reports whether a JSON value has the type T. */
export type Schema<T> = (value: unknown) => value is T;

/** The type that a schema checks. */
export type TypeOf<S> = S extends (value: unknown) => value is infer T ? T : never;

/** The schemas of an object's members. */
type Members = Readonly<Record<string, Schema<unknown>>>;

/** An object with these members. A member that can be `undefined` is optional. */
export type ObjectOf<M extends Members> = {
  readonly [K in keyof M as undefined extends TypeOf<M[K]> ? never : K]: TypeOf<M[K]>;
} & {
  readonly [K in keyof M as undefined extends TypeOf<M[K]> ? K : never]?: TypeOf<M[K]>;
};

export const text: Schema<string> = (value): value is string => typeof value === "string";
export const number: Schema<number> = (value): value is number => typeof value === "number";
export const boolean: Schema<boolean> = (value): value is boolean => typeof value === "boolean";

/** A GUID in the spelling of {@link parseGuid}. */
export const guid: Schema<Guid> = (value): value is Guid => text(value) && parseGuid(value) === value;

/** A PCI address in the kernel's spelling. It is checked because it becomes a part of paths. */
export const pciAddress: Schema<string> = (value): value is string =>
  text(value) && parsePciAddress(value) === value;

/** One of a few constants. */
export function oneOf<const T>(...values: readonly T[]): Schema<T> {
  return (value): value is T => values.includes(value as T);
}

/** A value that can be absent. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return (value): value is T | undefined => value === undefined || schema(value);
}

/** A list of values of one type. */
export function listOf<T>(element: Schema<T>): Schema<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(element);
}

/** An object with these members. It may have others, for example those of a later version. */
export function object<M extends Members>(members: M): Schema<ObjectOf<M>> {
  const names = Object.keys(members);
  const schemas = Object.values(members);
  return (value): value is ObjectOf<M> => {
    if (!isObject(value)) return false;
    for (let i = 0; i < names.length; i++) {
      if (schemas[i]?.(value[names[i] as string]) !== true) return false;
    }
    return true;
  };
}
