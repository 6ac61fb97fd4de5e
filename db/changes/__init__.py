"""What happens to a message after it was sent: edits, deletions and reactions."""
