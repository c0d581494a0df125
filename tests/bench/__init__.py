"""What a command and a switch cost, in processes and in seconds."""
