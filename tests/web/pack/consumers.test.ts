/** The types, as compilers of programs see them that use the package. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { ROOT } from '../lib/bundle.mjs';
import { install, run, uninstall } from '../lib/installed.js';

const PACKAGES = join(ROOT, 'pkg/node_modules');
const TSC = join(PACKAGES, 'typescript/bin/tsc');
const EVERYWHERE = `
import { MemoryStorageTier, StorageError, TieredStorage, type StorageTier } from 'tiered-storage';
import { respond } from 'tiered-storage/http';
import { WriteQueue, type QueuedWrite } from 'tiered-storage/queue';
import { sandboxed, serve } from 'tiered-storage/sw';
const cold: StorageTier = new MemoryStorageTier();
export const storage = await TieredStorage.open<{ text: string }>({ tiers: { cold } });
export const value: { text: string } | null = await storage.get('key');
storage.on('tierFailed', ({ error: { kind } }) => console.error(kind));
export const error = new StorageError('invalid', 'a sentence');
export const response: Response = await respond(storage, new Request('https://example.org/key'), { cacheControl: 'no-cache' });
export const queued = async (): Promise<QueuedWrite> => (await WriteQueue.open(storage)).set('key', 'value', { ifAbsent: true });
serve({ base: '/media/', storage: () => storage, headers: sandboxed });
`;
const DISK = `import { DiskStorageTier } from 'tiered-storage';\nexport { DiskStorageTier };\n`;
const NO_DISK = `// @ts-expect-error There are no files here.\n${DISK}`;
/** By the entry for pages that download the module: elsewhere it has what the default one has. */
const DISK_BY_URL = `export { DiskStorageTier as Same } from 'tiered-storage/url';\n`;
const SLIM = `
import module from 'tiered-storage/tiers.wasm';
import { init } from 'tiered-storage/slim';
await init(module);
export * from 'tiered-storage/url';
`;

after(uninstall);

const node = { module: 'nodenext', types: ['node'], typeRoots: [join(PACKAGES, '@types')] };
const web = { module: 'esnext', moduleResolution: 'bundler', types: [] };

test('Node', () => compile(EVERYWHERE + DISK + DISK_BY_URL + SLIM, { ...node, lib: ['es2022'] }));

test('a page', () => compile(EVERYWHERE + NO_DISK + SLIM, { ...web, lib: ['es2022', 'dom'] }));

test('a worker', () => compile(EVERYWHERE + NO_DISK + SLIM, { ...web, lib: ['es2022', 'webworker'] }));

test('a page that has its storage closed at the end of a block', async () => {
  await compile(`${EVERYWHERE}await using own = storage;\nexport const last = await own.get('key');\n`, { ...web, lib: ['es2022', 'dom', 'esnext.disposable'] });
});

test('workerd, Deno and Bun', async () => {
  const lib = ['es2022', 'dom'];
  await compile(EVERYWHERE + NO_DISK, { ...web, lib, customConditions: ['workerd'] });
  await compile(EVERYWHERE + DISK + DISK_BY_URL, { ...web, lib, customConditions: ['deno'] });
  await compile(EVERYWHERE + DISK + DISK_BY_URL, { ...web, lib, customConditions: ['bun'] });
});

/** Compiles a program strictly, declarations of the package included. */
async function compile(program: string, options: object): Promise<void> {
  const folder = await install();
  const compilerOptions = { strict: true, skipLibCheck: false, target: 'es2022', noEmit: true, ...options };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
  await writeFile(join(folder, 'program.ts'), program);
  await run(process.execPath, [TSC, '--project', folder], folder);
}
