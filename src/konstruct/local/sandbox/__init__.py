"""The sandbox: a strict simulated Slack and a mailbox in the browser, for the embedded instance, tests and benchmarks."""
