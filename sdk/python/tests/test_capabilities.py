"""What the platform gives, from fakes, and HTTP through a real server."""

from __future__ import annotations

import json
import logging
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

from cofferdam import (
    Fatal,
    artifacts,
    checkpoint,
    connection,
    context,
    http,
    log,
    progress,
    testing,
    variable,
    xcom,
)


class Fakes(unittest.TestCase):
    def test_context_log_progress_and_xcoms(self) -> None:
        with testing.fake(context={"dag_id": "d", "conf": {"n": 1}}, xcoms={("up", "return_value"): [1]}) as seen:
            self.assertEqual((context().dag_id, context().conf, context().logical_date.year), ("d", {"n": 1}, 2026))
            log.info("hello", n=1)
            log.warning("careful")
            progress.report(0.5, "half")
            self.assertEqual((xcom.pull("up"), xcom.pull("up", "other", default=3)), ([1], 3))
            xcom.push("k", {"a": "ü"})
        self.assertEqual(seen.logs[0], ("info", "hello", {"n": "1"}))
        self.assertEqual(seen.messages("warn"), ["careful"])
        self.assertEqual((seen.progress_reports, seen.pushed), ([(0.5, "half")], {"k": {"a": "ü"}}))

    def test_logging_goes_to_the_log(self) -> None:
        logger = logging.getLogger("test.capabilities")
        logger.propagate = False
        logger.addHandler(log.Handler())
        with testing.fake() as seen:
            logger.error("no %s", "way")
        self.assertEqual(seen.logs, [("error", "no way", {"logger": "test.capabilities"})])

    def test_checkpoints_last_from_try_to_try(self) -> None:
        with testing.fake(checkpoint={"at": 3}) as seen:
            self.assertEqual(checkpoint.load(), {"at": 3})
            checkpoint.save([4])
            self.assertEqual(checkpoint.load_bytes(), b"[4]")
            checkpoint.clear()
            self.assertEqual(checkpoint.load("none"), "none")
        self.assertIsNone(seen.checkpoint)

    def test_variables_and_connections(self) -> None:
        given = {"db": {"host": "h", "extra": '{"x": 1}'}}
        with testing.fake(variables={"a": "1"}, connections=given):
            self.assertEqual((variable("a"), variable("b", "2")), ("1", "2"))
            self.assertEqual((connection("db").host, connection("db").extra), ("h", {"x": 1}))
            with self.assertRaisesRegex(Fatal, "no variable 'b'"):
                variable("b")
            with self.assertRaisesRegex(Fatal, "no connection 'other'"):
                connection("other")

    def test_artifacts_are_streams(self) -> None:
        with testing.fake(context={"task_id": "t"}, artifacts={("up", "a.bin"): b"x" * 300_000}) as seen:
            with artifacts.create("b.txt", "text/plain") as file:
                file.write(b"one ")
                file.write(b"two")
            reader = artifacts.open("up", "a.bin")
            assert reader is not None
            self.assertEqual([len(piece) for piece in reader], [262_144, 37_856])
            self.assertIsNone(artifacts.open("up", "no"))
            self.assertEqual([one.name for one in artifacts.list_of("t")], ["b.txt"])
            with self.assertRaises(ZeroDivisionError), artifacts.create("c") as file:
                file.write(b"lost")
                raise ZeroDivisionError
        self.assertEqual(seen.artifacts["t", "b.txt"], b"one two")
        self.assertNotIn(("t", "c"), seen.artifacts)


class Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status = {"/gone": 410, "/moved": 302}.get(self.path, 200)
        answer = json.dumps({"path": self.path, "body": body.decode(), "auth": self.headers.get("authorization")}).encode()
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_: object) -> None: ...


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = HTTPServer(("127.0.0.1", 0), Echo)
        cls.url = f"http://127.0.0.1:{cls.server.server_port}"
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.shutdown()
        cls.server.server_close()

    def test_requests_and_responses(self) -> None:
        answer = http.post(f"{self.url}/a?b=1", params={"c": "d e"}, json={"x": "ü"}, auth=("me", "secret"))
        self.assertEqual((answer.status, answer.ok), (200, True))
        self.assertEqual(answer.json(), {"path": "/a?b=1&c=d+e", "body": '{"x": "ü"}', "auth": "Basic bWU6c2VjcmV0"})
        self.assertEqual(http.get(f"{self.url}/moved").status, 302)

    def test_errors(self) -> None:
        with self.assertRaisesRegex(http.HttpError, "410"):
            http.get(f"{self.url}/gone").raise_for_status()
        with self.assertRaises(http.HttpError):
            http.get("http://127.0.0.1:1/", timeout=2)
        with self.assertRaises(ValueError):
            http.get("ftp://example.com")


if __name__ == "__main__":
    unittest.main()
