"""Random trees, written through one client library and read back through another and from the disk."""
