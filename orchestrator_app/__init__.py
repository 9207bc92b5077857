"""What runs without a host: the command line, and the files that come with the pack."""
