"""What a corpus can leave out, one choice a file."""
