"""How the server is reached: its address, the token, TLS, the proxy, the connections."""
