import { close } from "host";

/**
 * Calls a function with a descriptor that was just opened, and returns its result. If the function throws an error, the
 * descriptor is closed; otherwise the caller must close it.
 */
export function closeOnError<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}
