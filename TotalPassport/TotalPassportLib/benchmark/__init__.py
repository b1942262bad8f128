"""Measures whole runs, ours and others', and reports them."""
