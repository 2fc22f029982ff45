"""What is known: pure values in, values out; knows no process, socket, clock or file."""
