/** What the benchmark measures in a page. */

export { hashes, packing } from './codecs.js';
export { databases } from './databases.js';
export { hotReads, memoryWrites } from './hot.js';
