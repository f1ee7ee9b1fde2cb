/** Programs of others that do the same, where they are installed. None is installed by a benchmark. */
export async function measurePeers(which, given) { return { rows: [], notes: [] } }
