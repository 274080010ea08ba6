"""Scripts for Samba's smbclient with what must come back, and the program that runs them."""
