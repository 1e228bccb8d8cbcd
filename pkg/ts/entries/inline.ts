/** The default entry: it brings the module along as text, which works in every bundler, page and service worker. */

import { startFrom } from './start.js';
import { unpacked } from './text.js';

startFrom(unpacked);

export * from '../index.js';
