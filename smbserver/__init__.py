"""smbserver: an SMB2/3 file server in Python."""

__version__ = "0.1.0"
