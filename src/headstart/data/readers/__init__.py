"""Readers: one file per format; a reader turns a stream of bytes or a folder into rows with file and line."""
