"""Floor 2: network families that several backbones are built from."""
