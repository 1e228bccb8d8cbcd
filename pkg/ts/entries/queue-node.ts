/** As `queue`, for Node, Deno and Bun, where queues may be kept in folders. */

import { FolderStore } from '../queue/folder.js';
import { useFolders } from '../queue/store.js';

useFolders((directory) => FolderStore.open(directory));

export * from './queue.js';
