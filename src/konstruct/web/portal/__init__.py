"""The portal: the owner's house."""
