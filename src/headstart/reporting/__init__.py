"""Floor 9: everything a reader sees of a comparison or an audit: words, tables, charts, pages."""
