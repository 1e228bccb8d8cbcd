/** The value of a cell, in a component. */

import { useEffect, useState } from 'preact/hooks';
import type { Cell } from '../cell.js';

export function useCell<T>(cell: Cell<T>): T {
  const [, refresh] = useState(0);
  let seen = cell.value;
  useEffect(() => {
    const look = (): void => {
      if (!Object.is(seen, cell.value)) refresh((count) => count + 1);
      seen = cell.value;
    };
    // It may have changed between the first showing and this.
    look();
    return cell.listen(look);
  }, [cell]);
  return seen;
}
