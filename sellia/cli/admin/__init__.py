"""What the commands of ``sellia admin`` share: calls to the admin API, tables, and the plan of a file.

The server knows nothing of it, and it knows the server by its API alone.
"""
