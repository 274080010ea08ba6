"""Tests of the wire format: one file per module, with shared checks, strategies and captured messages."""
