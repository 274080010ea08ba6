"""One file per SMB2 command: def <command>(request, work) -> Reply | Pending."""
