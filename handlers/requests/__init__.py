"""What all handlers share: base classes, limits, tokens, logs and error answers."""
