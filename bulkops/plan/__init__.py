"""Plans, reconciles, undoes and verifies: decides by what the server shows what to do."""
