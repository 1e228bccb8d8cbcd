/** Starts the module and gives its exports, by name. */

type Test = () => unknown;

export async function load(glue: string, module: BufferSource | Promise<Response>): Promise<Record<string, Test>> {
  const { default: start, initSync: _, ...tests } = (await import(glue)) as Record<string, unknown>;
  await (start as (from: { module_or_path: unknown }) => Promise<unknown>)({ module_or_path: module });
  return tests as Record<string, Test>;
}
