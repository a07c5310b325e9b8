from Host.fixtures import *  # noqa: F403
