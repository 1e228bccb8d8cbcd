/** The command line. */

import { choose, Malformed, show, within } from './fields.js';
import { type Host, HOSTS, OWN_HOSTS } from './form.js';

/** What a command line asks for. */
export interface Args {
  host: Host;
  /** Files, and folders of files. */
  paths: string[];
}

export const USAGE = 'usage: npm run --silent scenarios --prefix pkg -- [--host node|chromium] PATH...';

/** Reads a command line without the program's name. Throws a `Malformed`. */
export function parseArgs(words: readonly string[]): Args {
  const args: Args = { host: 'node', paths: [] };
  const left = [...words];
  let areFlagsOver = false;
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (areFlagsOver || !word.startsWith('-')) {
      args.paths.push(word);
    } else if (word === '--') {
      areFlagsOver = true;
    } else if (word === '--host') {
      const host = left.shift();
      if (host === undefined) throw new Malformed('--host needs a value');
      args.host = parseHost(host);
    } else if (word.startsWith('--host=')) {
      args.host = parseHost(word.slice('--host='.length));
    } else {
      throw new Malformed(`${show(word)} is not an option`);
    }
  }
  if (args.paths.length === 0) throw new Malformed('no path was given');
  return args;
}

function parseHost(text: string): Host {
  const isElsewhere = HOSTS.some((name) => name === text) && !OWN_HOSTS.some((name) => name === text);
  if (isElsewhere) throw new Malformed(`the host ${show(text)} is run by the native crate: cargo scenarios`);
  return within('--host', () => choose(text, OWN_HOSTS));
}
