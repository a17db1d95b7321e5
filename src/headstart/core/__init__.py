"""Floor 0: specs, registry, contracts, batches, seeds, errors. Imports nothing of headstart but itself."""
