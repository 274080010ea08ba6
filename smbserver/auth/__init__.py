"""Who is it: SPNEGO, NTLM, accounts, identities."""
