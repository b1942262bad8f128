"""What the library's tests share: tiny real networks, scans of known geometry, broken files, real processes."""
