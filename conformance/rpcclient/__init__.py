"""Scripts for Samba's rpcclient: what clients ask on file pages, over every way to protect a pipe."""
