"""Floor 1: tokenizers, one file per kind, on the Rust `tokenizers` library."""
