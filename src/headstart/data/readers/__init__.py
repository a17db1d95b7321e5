"""One file per format; a reader turns a byte stream into rows that know their file and line."""
