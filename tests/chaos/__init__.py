"""Breaking things on purpose: what was answered is counted before and after."""
