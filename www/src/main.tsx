/** Where the page begins. */

import { render } from 'preact';
import { app } from './app.js';
import { sentenceOf } from './library.js';
import { Shell } from './ui/shell.js';

const root = document.getElementById('app');
if (root) render(<Shell />, root);
app.start().catch((error: unknown) => app.tell(`The library cannot be opened: ${sentenceOf(error)}`, 'problem'));
