"""The module's own tests, for Slicer's test runner and "Reload and Test": what a user does, on data made here."""
