"""Turns an uploaded file into text: one module per format, run in a process of its own."""
