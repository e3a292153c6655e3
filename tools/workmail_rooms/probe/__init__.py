"""Asks an organization how WorkMail behaves where nobody outside AWS knows, with resources of its own.

`experiments` says what is asked, `readings` what the answers mean, `rooms` what is made and how it is removed, and
`calls` how a call is made. `run` puts them together; `cli` is the command line.
"""
