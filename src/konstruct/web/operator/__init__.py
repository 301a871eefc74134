"""The pages of the people who run the installation: the fleet's state, and of businesses no content without a reason."""
