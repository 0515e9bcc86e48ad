"""The rack's stand-in installer: does with a kickstart what Anaconda does, on small Debian tools."""
