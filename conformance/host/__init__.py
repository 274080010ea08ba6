"""What the host decides, with smbclient: whose files they are, a full disk, a mount that comes late. Needs root."""
