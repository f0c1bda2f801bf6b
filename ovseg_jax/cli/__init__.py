"""The `ovseg` command, one file per subcommand. Modules here import nothing heavy at the top."""
