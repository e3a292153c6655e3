"""Deterministic simulation: stories of stacks, people and faults, in one process and in virtual time.

``tests/simulation/`` plays stories: people deploy, change, roll back and delete stacks, move rooms between them, work
in WorkMail beside them, and in a few delete an item of the ledger, while workers die, replies get lost, calls hang,
events come twice or late. All of it runs in one process and in virtual time: each delivery of an event is a task (a
greenlet) that stops before each call and each wait, and a scheduler goes on with whoever's time comes first. What is
done between a reply and the next request nobody else can see, so a reply's time on the way is waited for there. A seed
decides everything, so a seed is a bug report.

Each story draws first what it may have at all: kinds of properties, of operations and of faults, about half of each
(swarm testing). Most stories are short, so that many are played; a few are long.

The function is the real one, from its handler's ``Invocation`` down; ``Outside`` gives it another clock, other
clients, and another way for its answer. WorkMail is the sandbox's models with all their switches. DynamoDB evaluates
the expressions of the requests, and is compared with moto. CloudFormation follows the sandbox's rules: cancelled
creations and their invented IDs, reversed Updates, clean-ups, retries without rollback in either order, signing dates
in whole seconds. botocore would take most of the time, so the clients are replaced at the object; a sample of the
stories runs through botocore too, and has to be the same call by call. The log is left out.

What is checked (``checks.py``) is the truth, not the function's opinion: who has made a room, which stack counts it,
what was let go, what stands in an event's way. A failing story is shrunk, steps, faults, rooms and properties, and
told line by line. ``make simulate`` with ``SEEDS=100000`` explores; with ``SEED=42`` it plays one story again.
With ``UPGRADED=1`` all that was made until some step of a story is what version 1.0.0 would have left.

``make test`` plays 5,000 stories and 500 with an upgrade, and prints how many calls and faults they had, and how long
events took after a worker had died.

A process stands still for 8 seconds at most without its knowing. Between the look at a lease and the write in
WorkMail that follows, no lease can help: WorkMail has no conditional writes.
"""
