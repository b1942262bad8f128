"""What the user sees of the module: sections, tables, dialogs, words."""
