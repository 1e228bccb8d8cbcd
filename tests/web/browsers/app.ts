/** A page that keeps notes. Where its S3 is, the query of its URL says. */

import { IndexedDBStorageTier, MemoryStorageTier, S3StorageTier, TieredStorage } from 'tiered-storage';

interface Note {
  text: string;
}

const { bucket = '', prefix, endpoint, accessKeyId = '', secretAccessKey = '' } = Object.fromEntries(new URLSearchParams(location.search));
const find = <E extends Element>(selector: string): E => document.querySelector(selector) as E;

async function start(): Promise<void> {
  const storage = await TieredStorage.open<Note>({
    tiers: {
      hot: new MemoryStorageTier(),
      warm: new IndexedDBStorageTier({ name: 'notes' }),
      cold: new S3StorageTier({ bucket, prefix, endpoint, credentials: { accessKeyId, secretAccessKey } }),
    },
    promotionStrategy: 'eager',
    onEvent: ({ type }) => say(type),
  });
  find('form').addEventListener('submit', (event) => {
    event.preventDefault();
    const [name, text] = ['name', 'text'].map((field) => find<HTMLInputElement>(`[name=${field}]`).value) as [string, string];
    storage.set(name, { text }).then(({ tiersWritten }) => {
      say(`${name} is in ${tiersWritten.join(', ')}`);
      return show(storage, name);
    }, fail);
  });
  for await (const name of storage.listKeys()) await show(storage, name);
  say('ready');
}

async function show(storage: TieredStorage<Note>, name: string): Promise<void> {
  const start = performance.now();
  const found = await storage.getWithMetadata(name);
  const took = performance.now() - start;
  if (!found) return;
  const row = find<HTMLElement>(`[data-name="${CSS.escape(name)}"]`) ?? find<HTMLElement>('tbody').appendChild(document.createElement('tr'));
  row.dataset['name'] = name;
  row.dataset['source'] = found.source;
  const texts = [name, found.data.text, found.source, `${took.toFixed(1)} ms`];
  row.replaceChildren(...texts.map((text) => Object.assign(document.createElement('td'), { textContent: text })));
}

function say(text: string): void {
  find('#status').textContent = text;
}

function fail(error: unknown): void {
  say(`failed: ${(error as { kind?: string }).kind}: ${(error as Error).message}`);
}

start().catch(fail);
