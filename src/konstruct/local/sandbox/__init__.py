"""A strict simulated Slack with pages to talk in."""
