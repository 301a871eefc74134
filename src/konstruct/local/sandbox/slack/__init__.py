"""The simulated Slack's Web API: one function per method, refusing what Slack refuses with Slack's own error codes."""
