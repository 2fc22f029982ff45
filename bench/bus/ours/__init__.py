"""What Tapedeck's bus does, through its own processes and its production client."""
