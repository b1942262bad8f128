"""Python packages: what is missing, and installing it without touching what Slicer brings."""
