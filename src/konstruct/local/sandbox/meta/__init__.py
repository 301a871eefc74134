"""A fake of Meta: the Graph API, its webhooks, the phones of invented people, and the dialog of Embedded Signup."""
