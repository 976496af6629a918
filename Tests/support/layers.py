"""Layers made for one test and taken away after it."""

import itertools
import os

from support.packages import pack

names = (f"l{os.getpid()}-{number}" for number in itertools.count(1))


class Layers:
    """Publishes layers on one server; `close` deletes the versions."""

    def __init__(self, server):
        self.server = server
        self.made = []

    @property
    def client(self):
        return self.server.client("lambda")

    def publish_raw(self, files, name=None, **settings):
        """`files`: a dictionary of files, or the bytes of a zip. Returns the answer."""
        name = name or next(names)
        data = files if isinstance(files, bytes) else pack(files)
        answer = self.client.publish_layer_version(LayerName=name, Content={"ZipFile": data}, **settings)
        self.made.append((name, answer["Version"]))
        return answer

    def publish(self, files, name=None, **settings):
        """The ARN of a new version."""
        return self.publish_raw(files, name, **settings)["LayerVersionArn"]

    def close(self):
        if self.server.alive:
            for name, version in self.made:
                self.client.delete_layer_version(LayerName=name, VersionNumber=version)
