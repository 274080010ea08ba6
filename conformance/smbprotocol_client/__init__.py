"""The server tried with the Python client library smbprotocol."""
