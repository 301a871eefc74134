"""The inbox: every conversation, live, and people who answer beside the employee."""
