"""Key derivation, preauthentication hash, signing and sealing, and the two old ciphers NTLM cannot do without."""
