"""Vision: what a prompt asked to see (wanted), and how far an image shows it (scorers behind one port)."""
