import { MemoryStorageTier, TieredStorage } from 'tiered-storage';
import { roundTrip } from './app.mjs';

export default {
  async fetch() {
    return new Response(await roundTrip({ MemoryStorageTier, TieredStorage }));
  },
};
