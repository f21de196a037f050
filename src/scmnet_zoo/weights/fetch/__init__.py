"""Downloads weight files, checks them and keeps them in the cache."""
