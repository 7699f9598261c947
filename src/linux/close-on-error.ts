import { close } from "host";

/**
 * Uses a descriptor that was just opened and stays open.
 * @returns the result of `use`. If `use` throws an error, the descriptor is closed.
 */
export function closeOnError<T>(fd: number, use: (fd: number) => T): T {
  try {
    return use(fd);
  } catch (error) {
    close(fd);
    throw error;
  }
}
