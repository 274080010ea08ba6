"""Many clients of one file at a time, and what must be true of it afterwards."""
