"""Writing to people first: what has to hold before the business may."""
