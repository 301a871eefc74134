"""What the employee knows: the tenant's documents and the conversation's window."""
