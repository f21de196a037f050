"""`python -m scmnet_zoo`, the same as the command `scmnet-zoo`."""

from scmnet_zoo.cli import main

if __name__ == "__main__":
    main()
