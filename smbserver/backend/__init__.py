"""Storage behind a share. `base` is the contract; `posix` serves a directory of this machine."""
