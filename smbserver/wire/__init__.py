"""The wire format: bytes to values and back, one file per command. No state, no I/O."""
