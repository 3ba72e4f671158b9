"""How the conformance files were made; `make.py` ties it together."""
