"""One client's cached reads while others keep the server busy with what is slow."""
