"""What runs inside the emulated machine: nothing but Python's library, the kernel and busybox are there."""
