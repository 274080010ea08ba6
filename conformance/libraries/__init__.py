"""The libraries with which phones, televisions and programs speak SMB: one set of checks, an adaptor for each."""
