"""Programs that try the server with clients that are not ours."""
