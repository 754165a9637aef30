"""Admin API: an HTTP endpoint of its own for whoever runs the server, and its OpenAPI description.

May import the gateway, the accounts and storage's records; nothing that carries visitors' traffic imports it.
"""
