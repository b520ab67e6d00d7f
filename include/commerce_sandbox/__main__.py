"""`python -m commerce_sandbox`."""

from commerce_sandbox.run import main

if __name__ == "__main__":
    main()
