"""Floor 5: looking into a network: what its vectors know of senses and neighbours."""
