"""The POSIX extensions of SMB 3.1.1 on a real server, with our own client."""
