"""Groups: how they are made and changed, who is in them, and what happened to them."""
