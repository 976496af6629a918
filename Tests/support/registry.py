"""A registry of container images on loopback, as far as pulling goes (OCI distribution specification)."""

import base64
import http.server
import json
import threading
import urllib.parse


class Registry:
    """`auth`: None, "basic" or "token". `redirect`: blobs are elsewhere, where credentials are none of anybody's business;
    a text is the place that is named."""

    USER, PASSWORD, TOKEN = "robot", "s3cret", "t0ken"

    def __init__(self, auth=None, redirect=False):
        self.auth, self.redirect = auth, redirect
        self.blobs, self.tags = {}, {}
        self.requests, self.leaks = [], []
        #: Where manifests are said to be.
        self.moved = None
        #: Blobs are not handed out while this is clear.
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def host(self):
        return "127.0.0.1:%d" % self.server.server_address[1]

    def push(self, image, repository="app", tag="latest"):
        self.blobs.update(image.blobs)
        self.tags[repository, tag] = image.root
        return f"{self.host}/{repository}:{tag}"

    def credentials(self):
        """As `docker login` writes them."""
        auth = base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        return json.dumps({"auths": {self.host: {"auth": auth}}})

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()

    def accepts(self, authorization):
        basic = "Basic " + base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        return self.auth is None or authorization == {"basic": basic, "token": f"Bearer {self.TOKEN}"}[self.auth]

    def challenge(self):
        if self.auth == "basic":
            return 'Basic realm="registry"'
        return f'Bearer realm="http://{self.host}/token",service="registry",scope="repository:app:pull"'

    def token(self, query, authorization):
        """For a known user only, and for what the challenge has named."""
        wanted = {"service": ["registry"], "scope": ["repository:app:pull"]}
        basic = "Basic " + base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        return {"token": self.TOKEN} if urllib.parse.parse_qs(query) == wanted and authorization == basic else None

    def handler(registry):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", len(body))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                authorization = self.headers["Authorization"]
                registry.requests.append(url.path)
                if url.path == "/token":
                    token = registry.token(url.query, authorization)
                    return self.answer(200 if token else 401, json.dumps(token).encode())
                if url.path.startswith("/storage/"):
                    if authorization and self.headers["Host"].startswith("localhost"):
                        registry.leaks.append(authorization)
                    return self.blob(url.path.removeprefix("/storage/"))
                if not registry.accepts(authorization):
                    return self.answer(401, WWW_Authenticate=registry.challenge())
                _, _, repository, kind, name = url.path.split("/", 4)
                if kind == "manifests":
                    if registry.moved:
                        return self.answer(302, Location=registry.moved)
                    root = registry.tags.get((repository, name))
                    data = registry.blobs.get(root["digest"] if root else name)
                    return self.answer(200, data) if data else self.answer(404)
                if registry.redirect:
                    place = f"http://localhost:{registry.server.server_address[1]}/storage/{name}"
                    return self.answer(307, Location=place if registry.redirect is True else registry.redirect)
                self.blob(name)

            do_HEAD = do_GET

            def blob(self, name):
                registry.asked.set()
                registry.open.wait(30)
                data = registry.blobs.get(name)
                self.answer(200, data) if data is not None else self.answer(404)

            def log_message(self, *arguments):
                pass

        return Handler
