/** Runs scenario files against the npm package: see `tests/scenarios/README.md`. */

import { type Args, parseArgs, USAGE } from './args.js';
import { Malformed } from './fields.js';
import type { Host } from './form.js';
import { exitCode, type Player, run } from './run.js';

async function main(): Promise<number> {
  let args: Args;
  try {
    args = parseArgs(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  const output = {
    line: (text: string): void => console.log(text),
    problem: (text: string): void => console.error(text),
  };
  // npm changes to the folder of the package; paths are meant from where it was called.
  const folder = process.env['INIT_CWD'] ?? process.cwd();
  return exitCode(await run(args, folder, output, launch));
}

async function launch(host: Host, scenarios: number): Promise<Player> {
  if (host === 'node') {
    const { nodePlayer } = await import('./node.js');
    return nodePlayer();
  }
  const { chromiumPlayer } = await import('./chromium.js');
  return chromiumPlayer(scenarios);
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error('the runner cannot go on:', error);
    process.exitCode = 2;
  },
);
