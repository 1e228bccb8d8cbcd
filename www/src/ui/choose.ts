/** Files that the user chose or dropped. */

import { app, type Session } from '../app.js';
import { counted } from '../format.js';
import { sentenceOf } from '../library.js';

export function uploadAll(session: Session, prefix: string, files: Iterable<File>): void {
  void session.writes.add(prefix, files).then((refused) => {
    const [first] = refused;
    if (!first) return;
    const what = refused.length === 1 ? `${first.name} is not uploaded` : `${counted(refused.length, 'file')} are not uploaded`;
    app.tell(`${what}: ${sentenceOf(first.error)}`, 'problem');
  });
}
