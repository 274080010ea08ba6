"""The server-side objects of [MS-SMB2] 3.3.1: shares, sessions, trees, opens, and the tables that hold them."""
