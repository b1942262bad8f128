"""Any number of scans with the same options: found, named, run by processes that keep their networks, and resumed."""
