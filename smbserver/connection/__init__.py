"""One SMB connection, sans-IO: frames in, work out; replies in, buffers out."""
