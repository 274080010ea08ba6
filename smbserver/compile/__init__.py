"""The optional build of this package as machine code: how it is made, and when a start uses it."""
