"""One directory behind two servers, ours and Samba's smbd: what one has written the other shows."""
