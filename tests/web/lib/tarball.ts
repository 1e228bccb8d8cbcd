/** The package as `npm publish` would upload it. */

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, WEB } from './bundle.mjs';

export interface Tarball {
  /** Where it is. */
  readonly path: string;
  /** What is in it, sorted. */
  readonly files: readonly string[];
  readonly bytes: number;
}

interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}

/** Packs what was built. */
export function pack(): Tarball {
  const folder = join(WEB, '.out');
  mkdirSync(folder, { recursive: true });
  const words = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const said = execFileSync('npm', words, { cwd: join(ROOT, 'pkg'), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [packed] = Object.values(JSON.parse(said) as Record<string, Packed>);
  if (!packed) throw new Error('npm packed nothing');
  const files = packed.files.map(({ path }) => path).sort();
  return { path: join(folder, packed.filename), files, bytes: packed.size };
}
