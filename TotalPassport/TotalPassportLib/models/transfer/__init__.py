"""The ways into the store: downloads, imports, TotalSegmentator's own folder; checked against published hashes."""
