"""The command line: options in, one call, print, exit code out."""
