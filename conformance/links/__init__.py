"""Symbolic links and previous versions as real clients see them."""
