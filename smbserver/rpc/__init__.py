"""DCE/RPC over named pipes, sans-IO: a pipe is opened by name, written to and read from, and asks a ServerView what
it must know.

Reading order: `pipes` (name -> interfaces), `pipe` (one opened pipe), `pdu` (its messages), `interface` (what a
service is), `srvsvc` and `wkssvc` (the services), `levels` and `enumeration` (the shapes their replies share), `ndr`
(their encoding), `server_view` (their questions).
"""
