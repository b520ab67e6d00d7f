"""A stand-in for Magento stores, with faults on demand and durable state in a Postgres database of its own.

Start it with `python -m commerce_sandbox --database-url postgresql://…`. A store answers below
`http://127.0.0.1:8090/<instance>/rest/V1/…` (the instance `default` also at the root) as Magento would:
its behaviour was taken from exchanges recorded from a real server, and `replay` proves it again.
The control API below `/_sandbox` sets the stage (`client.SandboxClient` calls it): orders placed and
changed, faults, versions, speed, and a ledger of everything that was asked and done.
"""
