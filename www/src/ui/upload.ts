/** Files that the user chose or dropped. */

import { app, type Session } from '../app.js';

export function upload(session: Session, prefix: string, files: Iterable<File>): void {
  void app.attempt('It cannot be uploaded', () => session.writes.add(prefix, [...files]));
}
