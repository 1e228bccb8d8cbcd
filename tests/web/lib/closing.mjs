/**
 * A reporter for Node's test runner that says one line: `5 passed, 0 failed`, and `, 1 skipped` where any was.
 *
 * @param {AsyncIterable<{type: string, data: any}>} events
 */
export default async function* closing(events) {
  let passed = 0;
  let failed = 0;
  let skipped = 0;
  for await (const { type, data } of events) {
    // A suite, or a file, counts by its tests; one that fails without a test that failed counts itself.
    if (type === 'test:fail') failed += Number(!isGroup(data) || failed === 0);
    else if (type !== 'test:pass' || isGroup(data)) continue;
    else if (data.skip !== undefined) skipped += 1;
    else passed += 1;
  }
  if (passed + failed + skipped) {
    yield `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}\n`;
  }
}

/** @param {any} data */
function isGroup(data) {
  return data.details?.type === 'suite' || data.name === data.file;
}
