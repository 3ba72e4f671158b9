"""Streams that every decoder has to decode alike, and the lanes that try it: README.md, beside this file."""
