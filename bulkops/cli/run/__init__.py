"""What apply, resume and undo share: start a journal, or go on with one, and carry it out."""
