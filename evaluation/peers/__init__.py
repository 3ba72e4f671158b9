"""licrt beside its peers in one run: CompressAI on the same checkpoint and pictures, and other entropy coders.

Peers run in a virtual environment of their own, which `tests/oracle/create.sh` makes; the files in `oracle/` are read
by its Python alone, but for the protocol. Both sides begin and end with pictures in memory, or with arrays where coders
are compared, and take turns with equal threads. Ratios of times mean something; times do not.
"""
