"""What every other room stands on, with nothing installed: errors, files, events, labels, memory, paths."""
