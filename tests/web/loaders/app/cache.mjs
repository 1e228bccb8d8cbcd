import * as library from 'tiered-storage';
import { cached } from './cached.mjs';

console.log(await cached(library));
