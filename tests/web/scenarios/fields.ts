/** Reads JSON strictly: every name is either asked for or refused. */

export type Json = null | boolean | number | string | Json[] | JsonObject;
export type JsonObject = { [name: string]: Json };

/** What is wrong with a file or a command line, in words. */
export class Malformed extends Error {
  override get name(): string {
    return 'Malformed';
  }

  within(place: string): Malformed {
    return new Malformed(`${place}: ${this.message}`);
  }
}

/** Runs `read`, and says in which place it failed. */
export function within<T>(place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof Malformed ? error.within(place) : error;
  }
}

/** As a message shows it. */
export function show(json: Json | undefined): string {
  return JSON.stringify(json) ?? 'nothing';
}

export function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** A field of an object, whatever its name is. */
export function field(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Whether it is a whole number that is not negative. */
export function isWhole(json: Json | undefined): json is number {
  return Number.isInteger(json) && (json as number) >= 0;
}

/** One of a few names. */
export function choose<T extends string>(text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) {
    throw new Malformed(`${show(text)} is not known here; it may be ${choices.join(', ')}`);
  }
  return found;
}

/** The fields of an object, each of which is taken once; what is left at the end is not known. */
export class Fields {
  readonly #what: string;
  readonly #map: JsonObject;
  readonly #taken = new Set<string>();

  constructor(what: string, json: Json | undefined) {
    if (!isObject(json)) throw new Malformed(`${what} is to be an object, and is ${show(json)}`);
    this.#what = what;
    this.#map = json;
  }

  /** A field as it is; `null` is a value. */
  json(name: string): Json | undefined {
    this.#taken.add(name);
    return field(this.#map, name);
  }

  /** A field that may be left out or `null`. */
  given(name: string): Exclude<Json, null> | undefined {
    return this.json(name) ?? undefined;
  }

  needed(name: string): Json {
    const json = this.json(name);
    if (json === undefined) throw new Malformed(`${this.#what} needs ${show(name)}`);
    return json;
  }

  text(name: string): string | undefined {
    const json = this.given(name);
    if (json === undefined || typeof json === 'string') return json;
    throw this.#not(name, 'text', json);
  }

  neededText(name: string): string {
    const text = this.text(name);
    if (text === undefined) throw new Malformed(`${this.#what} needs ${show(name)}`);
    return text;
  }

  flag(name: string): boolean | undefined {
    const json = this.given(name);
    if (json === undefined || typeof json === 'boolean') return json;
    throw this.#not(name, 'true or false', json);
  }

  count(name: string): number | undefined {
    const json = this.given(name);
    if (json === undefined || isWhole(json)) return json;
    throw this.#not(name, 'a whole number', json);
  }

  neededCount(name: string): number {
    const count = this.count(name);
    if (count === undefined) throw new Malformed(`${this.#what} needs ${show(name)}`);
    return count;
  }

  list(name: string): Json[] | undefined {
    const json = this.given(name);
    if (json === undefined || Array.isArray(json)) return json;
    throw this.#not(name, 'a list', json);
  }

  /** One of a few names. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : within(name, () => choose(text, choices));
  }

  neededChoice<T extends string>(name: string, choices: readonly T[]): T {
    const text = this.neededText(name);
    return within(name, () => choose(text, choices));
  }

  /** Names that say nothing to the runner, only to readers. */
  comments(): void {
    for (const name of ['why', 'comment', 'note']) this.#taken.add(name);
  }

  /** Refuses what nobody asked for. */
  end(): void {
    const left = Object.keys(this.#map).find((name) => !this.#taken.has(name));
    if (left !== undefined) throw new Malformed(`${this.#what} has no option ${show(left)}`);
  }

  #not(name: string, wanted: string, json: Json): Malformed {
    return new Malformed(`${show(name)} of ${this.#what} is to be ${wanted}, and is ${show(json)}`);
  }
}
