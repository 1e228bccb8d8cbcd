/** A panel that shows a storage at work: `tiered-storage/inspector`. */

export { TieredStorageInspector, defineInspector } from '../inspector/element.js';
export { publishTo } from '../inspector/channel.js';
export type { SwitchableFetch } from '../inspector/network.js';
export { switchable } from '../inspector/network.js';
export type { InspectorOptions } from '../inspector/subject.js';
