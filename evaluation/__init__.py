"""Measures deployed codecs and their rivals: rates, distortions and times. The command is `lic-eval`.

Everything is measured on files that were written and read again, never on a model's estimates.
"""
