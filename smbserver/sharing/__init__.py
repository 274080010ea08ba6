"""What opens of one file share, sans-IO, keyed by file identity: share modes, delete-pending."""
