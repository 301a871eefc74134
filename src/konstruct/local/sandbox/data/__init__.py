"""Documents of the two sample businesses, as files."""
