"""What tests act through: people, their streams, servers as processes, databases."""
