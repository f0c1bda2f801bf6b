"""Files that say what an evaluation found: for programs, for tables, for people."""
