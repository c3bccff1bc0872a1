"""How the shipped networks of data/weights/ were made: one short program each, runnable by anyone (`make builtin`)."""
