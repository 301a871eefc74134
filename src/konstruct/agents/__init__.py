"""The employee: persona, prompt, turn loop and fallbacks."""
