"""What the user sees of the module: sections, tables, words, and every dialog."""
