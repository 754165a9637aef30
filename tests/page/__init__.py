"""The inspector's page: what it is made of, its types, and what it does in a browser."""
