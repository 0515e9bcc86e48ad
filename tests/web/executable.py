"""Prints the path of one test's executable. Cargo's messages are read from standard input; their order varies."""
import json
import sys

for message in map(json.loads, sys.stdin):
    if message.get("executable") and message["target"]["name"] == sys.argv[1]:
        print(message["executable"])
