"""HashiCorp's clients and documents, and others' clients, as judges of the simulator."""
