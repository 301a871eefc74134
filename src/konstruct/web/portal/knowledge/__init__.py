"""What the employee knows: the business's documents."""
