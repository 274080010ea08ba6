"""Tests of smbserver.rpc, without a network: bytes in, bytes out."""
