"""One file for each runtime; each imports its own only when it is used."""
