/** What every loader is to make work: a storage over memory that gives back what was stored. */

export async function roundTrip({ MemoryStorageTier, TieredStorage }) {
  const storage = await TieredStorage.open({
    tiers: { hot: new MemoryStorageTier({ maxItems: 100 }), cold: new MemoryStorageTier() },
  });
  await storage.set('greeting', { text: 'hello' });
  const value = await storage.get('greeting');
  await storage.close();
  return `stored ${JSON.stringify(value)}`;
}
