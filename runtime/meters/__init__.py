"""Meters of energy, memory and temperature: what this machine has, read without packages of its own.

A meter that is not there, or may not be read, is said to be so; nothing is estimated in its place.
"""
