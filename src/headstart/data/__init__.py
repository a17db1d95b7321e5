"""Floor 2: readers, row ledger, corpus, task files, token shards and batches."""
