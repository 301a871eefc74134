"""Konstruct: AI employees for businesses, in the channels where their people already talk."""
