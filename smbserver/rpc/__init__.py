"""DCE/RPC over named pipes, sans-IO: a pipe is opened by name, written to and read from, and asks a ServerView what
it must know.

Reading order: `pipes` (name -> interfaces), `pipe` (one opened pipe), `pdu` (its messages), `security` (what signs and
seals them), `interface` (what a service is), `handles` (what its clients hold), the services `srvsvc`, `wkssvc`,
`lsarpc` and `samr` with the files that begin with their names, `translate` and `well_known` (names for SIDs), `sam`
(the accounts), `levels` and `enumeration` (the shapes their replies share), `ndr` (their encoding), `server_view`
(their questions).
"""
