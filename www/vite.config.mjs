/** Builds the app in `dist`: the page, its service worker, and the library in a file of its own that both share. */

import { createHash } from 'node:crypto';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [shell()],
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Whatever is inlined would need another rule in the Content-Security-Policy.
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { index: 'index.html', sw: 'src/sw.ts' },
      output: {
        // A worker keeps its URL, or browsers would not find its next version.
        entryFileNames: ({ name }) => (name === 'sw' ? 'sw.js' : 'assets/[name]-[hash].js'),
        codeSplitting: { groups: [{ name: 'tiered-storage', test: /[\\/]pkg[\\/]dist[\\/]/ }] },
      },
    },
  },
});

/**
 * Tells the service worker which files the app starts from: all that were built, and the hash of their names, which have
 * hashes of their contents in them, and of the page.
 *
 * @returns {import('vite').Plugin}
 */
function shell() {
  return {
    name: 'shell',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const worker = bundle['sw.js'];
        const page = bundle['index.html'];
        if (worker?.type !== 'chunk' || page?.type !== 'asset') throw new Error('there is no worker, or no page');
        const built = Object.keys(bundle).filter((name) => name.startsWith('assets/'));
        const files = ['/', '/manifest.webmanifest', '/icon.svg', ...built.map((name) => `/${name}`)].sort();
        const hash = createHash('sha256').update(files.join('\n')).update(page.source).update(worker.code);
        const version = hash.digest('hex').slice(0, 12);
        if (!worker.code.includes('SHELL_FILES')) throw new Error('the worker has no place for the list of files');
        worker.code = worker.code.replace('SHELL_FILES', JSON.stringify({ version, files }));
      },
    },
  };
}
