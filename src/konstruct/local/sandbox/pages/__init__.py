"""What a person sees of the sandbox: pages, their live updates, and the few calls those make."""
