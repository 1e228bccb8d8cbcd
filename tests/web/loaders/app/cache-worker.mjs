import * as library from 'tiered-storage';
import { cached } from './cached.mjs';

export default {
  async fetch() {
    return new Response(await cached(library));
  },
};
