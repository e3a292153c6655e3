"""Every operation, disturbed at each of its calls in every way there is: in one process and in virtual time."""
