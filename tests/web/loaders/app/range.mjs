import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { respond } from 'tiered-storage/http';

const storage = await TieredStorage.open({ tiers: { cold: new MemoryStorageTier() } });
await storage.set('hello.txt', new TextEncoder().encode('hello world'));
const request = new Request('http://localhost/hello.txt', { headers: { range: 'bytes=6-' } });
const response = await respond(storage, request);
console.log(response.status, response.headers.get('content-range'), await response.text());
await storage.close();
