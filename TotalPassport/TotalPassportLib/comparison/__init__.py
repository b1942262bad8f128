"""Comparing two passports: what has changed from one scan to the next."""
