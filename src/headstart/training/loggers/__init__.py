"""Axis `logger`: where the curves of training go; one file per choice."""
