import { SortedKeys } from "./sorted-keys.ts";

/** A schedule's name is unique within its group; neither can hold a slash. */
export const keyOf = (groupName: string, name: string): string => `${groupName}/${name}`;

/** Which schedules are asked for. */
export interface KeyQuery {
  readonly groupName?: string | undefined;
  readonly namePrefix?: string | undefined;
  readonly enabled?: boolean | undefined;
  /** Only keys after this one. */
  readonly after?: string | undefined;
}

/** The keys of all schedules, in the order in which they are listed. */
export class ScheduleKeys {
  readonly #all = new SortedKeys();
  readonly #enabled = new SortedKeys();
  readonly #disabled = new SortedKeys();

  put(key: string, enabled: boolean): void {
    this.#all.add(key);
    (enabled ? this.#enabled : this.#disabled).add(key);
    (enabled ? this.#disabled : this.#enabled).delete(key);
  }

  delete(key: string): void {
    for (const keys of [this.#all, this.#enabled, this.#disabled]) keys.delete(key);
  }

  /** Looks only at what it gives, and once at each group. Nothing may change meanwhile. */
  *find({ groupName, namePrefix = "", enabled, after = "" }: KeyQuery): Generator<string> {
    const keys = enabled === undefined ? this.#all : enabled ? this.#enabled : this.#disabled;
    let key = keys.after(after);
    while (key !== undefined) {
      const group = groupName ?? key.slice(0, key.indexOf("/"));
      const prefix = keyOf(group, namePrefix);
      if (key.startsWith(prefix)) {
        yield key;
        key = keys.after(key);
      } else if (key < prefix) key = keys.from(prefix);
      else if (groupName === undefined) key = keys.from(`${group}${afterSlash}`);
      else return;
    }
  }
}

const afterSlash = "0";
