"""Floor 2: networks. `build(vocabulary, pad_id)` returns a `Backbone`: batch in, features out, no loss."""
