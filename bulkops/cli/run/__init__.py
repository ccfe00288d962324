"""What apply, resume and undo share: start or resume a journal, and run it."""
