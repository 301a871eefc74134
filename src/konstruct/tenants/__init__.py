"""Tenants, their agents, and the vault that seals their secrets."""
