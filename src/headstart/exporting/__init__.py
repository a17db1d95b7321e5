"""Floor 5: what the exports share: graphs, answers of both sides compared, model cards."""
