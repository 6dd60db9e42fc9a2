"""What drivers, browsers and other systems make of the program, for docs/portability.md."""
