"""Where the server is and how it is reached: address, token, TLS, proxy, connections."""
