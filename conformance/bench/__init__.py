"""Measures the server beside others, on the same files and in the same minutes."""
