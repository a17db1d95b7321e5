"""Axis `optimizer`: how gradients move weights; one file per choice."""
